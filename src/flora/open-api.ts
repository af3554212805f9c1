import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** The page at /docs, and the document behind it at /docs-json. */
export function describeApi(app: INestApplication): void {
  const config = new DocumentBuilder()
    .setTitle('Flora')
    .setDescription('A small flower shop that shows how cache and backups work together.')
    .setVersion('1.0')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', description: 'Demo tokens: demo-1, demo-2 …' },
      'customer',
    )
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'The value of ADMIN_TOKEN.' }, 'admin')
    .addTag('products', 'Cached pages and queries; writes make them fresh at once.')
    .addTag('categories', 'A cached aggregate.')
    .addTag('customers', 'Signing in, for the demo.')
    .addTag('orders', 'Transactions, and cached pages that are never mixed up between customers.')
    .addTag('cart', 'A counter in the cache.')
    .addTag('statistics', 'A cached value.')
    .addTag('admin', 'Backups, and what the cache does.')
    .addTag('shop', 'The front door.')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, config));
}
