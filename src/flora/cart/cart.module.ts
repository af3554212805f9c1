import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { CustomersModule } from '../customers/customers.module.js';
import { OrdersModule } from '../orders/orders.module.js';
import { Product, ProductSchema } from '../products/product.schema.js';
import { CartTotal } from './cart-total.js';
import { CartController } from './cart.controller.js';
import { Cart, CartSchema } from './cart.schema.js';
import { CartService } from './cart.service.js';

@Module({
  imports: [
    CustomersModule,
    OrdersModule,
    MongooseModule.forFeature([
      { name: Cart.name, schema: CartSchema },
      { name: Product.name, schema: ProductSchema },
    ]),
  ],
  controllers: [CartController],
  providers: [CartService, CartTotal],
})
export class CartModule {}
