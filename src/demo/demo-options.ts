import { defaultPort, defineOptions } from '../config/interface.ts';

/** Options of `npm start -- …`. */
export const demoOptions = defineOptions('Demo', {
  import: { type: 'path', placeholder: 'FILE', help: 'SQLite file to use instead of the store of the demo.' },
  dir: {
    type: 'path',
    placeholder: 'DIR',
    help: 'Folder of all data, kept afterwards; by default a temporary one that is removed.',
  },
  port: {
    type: 'integer',
    default: defaultPort,
    min: 1,
    max: 65_000,
    help: 'gRPC port of the first node; the others have the next ones. Others are taken where one is in use.',
  },
  httpPort: { type: 'integer', default: 3380, min: 1, max: 65_000, help: 'HTTP port of the first node, likewise.' },
  ordersPerSecond: { type: 'integer', default: 25, min: 1, max: 1_000, help: 'Orders that keep coming.' },
});
