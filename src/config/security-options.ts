import { defineOptions } from './option.ts';

const mebibyte = 1024 * 1024;
const hour = 60 * 60 * 1000;
const day = 24 * hour;

/** Limits of users and tokens, and the audit log of a node. */
export const securityOptions = defineOptions('Users, tokens and the audit log', {
  tokenTtlMs: {
    type: 'duration',
    default: day,
    min: 60_000,
    max: 365 * day,
    help: 'How long a login is valid, and a token that was made without a time of its own.',
  },
  maxTokenTtlMs: {
    type: 'duration',
    default: 365 * day,
    min: 60_000,
    max: 10 * 365 * day,
    help: 'How long a token may be valid at most; as long, the keys of earlier tokens are kept after a new one was made.',
  },
  maxUsers: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 100_000,
    help: 'Users in systemdb, which each node keeps in memory; one more is refused with OVERLOADED.',
  },
  maxRevokedTokens: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    help: 'Tokens that were revoked one by one and have not expired yet; one more is refused with OVERLOADED.',
  },
  metricsAccess: {
    type: 'choice',
    choices: ['open', 'token'],
    default: 'open',
    help: 'Whether /metrics answers everybody, or who has a token with read permission on every database.',
  },
  auditFileBytes: {
    type: 'bytes',
    default: 16 * mebibyte,
    min: 64 * 1024,
    max: 1024 * mebibyte,
    help: 'Size of a file of the audit log, after which the next one begins.',
  },
  auditFiles: {
    type: 'integer',
    default: 16,
    min: 1,
    max: 10_000,
    help: 'Files of the audit log that are kept; the oldest goes.',
  },
});
