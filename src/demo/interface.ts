/** The public face of the `demo` layer: the data of a store, for `npm start`, benchmarks and tests. */
export { createSeededRandom, type SeededRandom } from './seeded-random.ts';
export { defaultStoreSize, type StoreSize, storeBatches } from './store-data.ts';
export { newOrder } from './store-orders.ts';
export { schemaStatements } from './store-schema.ts';
