import { defineOptions } from './option.ts';

/** How a node takes part in replication groups. */
export const clusterOptions = defineOptions('Replication groups', {
  clusterSecret: {
    type: 'string',
    secret: true,
    help: 'What the nodes of a cluster know each other by: the same at least 32 characters on each. Groups need it.',
  },
  advertiseAddress: {
    type: 'address',
    help: 'Address under which other members and clients reach this node; by default the one that it listens on.',
  },
  zone: { type: 'string', placeholder: 'NAME', help: 'Where this node is, for clients that prefer near ones.' },
});
