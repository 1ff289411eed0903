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
  onRoleChange: {
    type: 'string',
    placeholder: 'COMMAND',
    help: 'Run by the shell when a group of this node has another primary; what happened is in variables such as QUORATE_ROLE.',
  },
  roleChangeWebhook: {
    type: 'string',
    placeholder: 'URL',
    help: 'Gets the same as JSON, by POST.',
  },
  zone: { type: 'string', placeholder: 'NAME', help: 'Where this node is, for clients that prefer near ones.' },
});
