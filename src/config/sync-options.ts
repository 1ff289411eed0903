import { defineOptions } from './option.ts';

/** How many replicas must have a transaction before its client is told "committed"; for one database. */
export const syncOptions = defineOptions('Acknowledgements', {
  replicationSyncEnabled: {
    type: 'boolean',
    help: 'Writes wait for replicas. Short for the level sync; false is the level async.',
  },
  replicationSyncLevel: {
    type: 'choice',
    choices: ['async', 'sync', 'quorum', 'applied'],
    help: 'sync: replicas hold a transaction on disk. quorum: a majority of this node and the named members. applied: they show it, too.',
  },
  replicationSyncAcks: {
    type: 'integer',
    min: 1,
    max: 100,
    help: 'Replicas that must acknowledge at the levels sync and applied; 1 when not given.',
  },
  replicationSyncMembers: {
    type: 'string',
    placeholder: 'NAMES',
    help: 'Replicas that count, by name or id, with commas between; * for all.',
  },
  replicationSyncWhenShort: {
    type: 'choice',
    choices: ['block', 'degrade'],
    help: 'While too few replicas acknowledge: writes wait, or go on as async after a time and back by themselves.',
  },
  replicationSyncDegradeAfterMs: {
    type: 'duration',
    min: 0,
    help: 'How long writes wait before a database that may degrade does so; 10s when not given.',
  },
  replicationSyncTimeoutMs: {
    type: 'duration',
    min: 1,
    help: 'How long a client waits for acknowledgements before it is told COMMIT_IN_DOUBT; 30s when not given.',
  },
});
