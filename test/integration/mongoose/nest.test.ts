import { Injectable, Module } from '@nestjs/common';
import { InjectModel, MongooseModule, Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import { Test } from '@nestjs/testing';
import { expect, it } from 'vitest';
// A value, not a type: Nest reads it from the constructor.
import { Model } from 'mongoose';
import { CacheModule } from '../../../src/cache/cache.module.js';
import { CacheService } from '../../../src/cache/cache.service.js';
import { MongooseCachePlugin } from '../../../src/cache/mongoose/mongoose-cache.plugin.js';
import { describeWith, mongo, redis } from '../../servers/index.js';

@Schema()
class Flower {
  @Prop({ required: true, type: String })
  name!: string;
}

@Injectable()
class Flowers {
  constructor(@InjectModel(Flower.name) readonly model: Model<Flower>) {}

  all() {
    return this.model.find().sort('name').cache({ ttl: '1h', key: 'flowers' });
  }
}

@Module({
  imports: [MongooseModule.forFeature([{ name: Flower.name, schema: SchemaFactory.createForClass(Flower) }])],
  providers: [Flowers],
})
class FlowersModule {}

describeWith(['mongo', 'redis'], 'in a Nest application', () => {
  it('connectionFactory: cache.attach is all it takes', async () => {
    const { url, namespace } = redis();
    const uri = mongo();
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({ redis: { url }, namespace }),
        MongooseModule.forRootAsync({
          inject: [MongooseCachePlugin],
          useFactory: (cache: MongooseCachePlugin) => ({ uri, connectionFactory: cache.attach }),
        }),
        FlowersModule,
      ],
    }).compile();
    const app = await module.init();
    try {
      const flowers = app.get(Flowers);
      const cache = app.get(CacheService);
      await flowers.model.create({ name: 'Rose' });
      expect(await flowers.all()).toHaveLength(1);
      expect(await flowers.all()).toHaveLength(1);
      expect(cache.stats().hits.memory).toBe(1);
      await flowers.model.create({ name: 'Tulip' });
      expect((await flowers.all()).map(({ name }) => name)).toEqual(['Rose', 'Tulip']);
      await cache.clearModelCache('Flower');
      expect(await cache.has('flowers')).toBe(false);
    } finally {
      await app.close();
    }
  });
});
