import type { Command } from 'commander';
import { defineOptions } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import { isoTime } from '../runtime/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { parsePermissions } from './permission-list.ts';

const createOptions = {
  ...defineOptions('Token', {
    user: { type: 'string', placeholder: 'USER', help: 'Whose token it is; yours when absent.' },
    scope: {
      type: 'string',
      placeholder: 'LIST',
      help: 'What it may do at most, such as read:shop,write:stock; all that its user may when absent.',
    },
    ttlMs: {
      type: 'duration',
      min: 1_000,
      max: Number.MAX_SAFE_INTEGER,
      help: 'How long it is valid; by default as long as a login.',
    },
  }),
  ...clientOptions,
} as const;

const revokeOptions = {
  ...defineOptions('Token', {
    user: { type: 'string', placeholder: 'USER', help: 'End all tokens of this user, logins too.' },
  }),
  ...clientOptions,
} as const;

const rotateOptions = {
  ...defineOptions('Keys', {
    revokeOld: { type: 'boolean', default: false, help: 'End all tokens of earlier keys at once, logins too.' },
  }),
  ...clientOptions,
} as const;

export function addTokenCommands(program: Command, context: CommandContext): void {
  const group = program.command('token').description('Tokens for programs, and the keys that sign them.');
  addCreate(group, context);
  addRevoke(group, context);
  addRotate(group, context);
}

function addCreate(group: Command, context: CommandContext): void {
  const command = group.command('create').description('Make a token and print it. It cannot be shown again.');
  describe(command, createOptions, [
    'token create --scope read:shop --ttl 30d',
    'token create --user metrics --ttl 365d --json',
  ]).action(async () => {
    const { user = '', scope = '', ttlMs = 0, json, ...connection } = context.parse(command, createOptions).values;
    using client = context.connect(connection);
    const made = await client.users.createToken({ user, scope: parsePermissions(scope), ttlMs });
    const expiresAt = isoTime(made.expiresAtMs);
    // A pipe gets the token alone.
    context.streams.err(json ? '' : `token ${made.id}, valid until ${expiresAt}:\n`);
    context.print(json, { id: made.id, token: made.token, expiresAt }, () => `${made.token}\n`);
  });
}

function addRevoke(group: Command, context: CommandContext): void {
  const command = group.command('revoke [id]').description('End one token by its id, or all tokens of a user.');
  describe(command, revokeOptions, [
    'token revoke 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
    'token revoke --user ada',
  ]).action(async (id: string | undefined) => {
    const { user, json, ...connection } = context.parse(command, revokeOptions).values;
    if ((id === undefined) === (user === undefined)) {
      throw new QuorateError('INVALID_ARGUMENT', 'give the id of a token, or --user', {
        hint: 'The id was printed with the token, and is "jti" in it.',
      });
    }
    using client = context.connect(connection);
    await (id === undefined ? client.users.revokeTokens(user ?? '') : client.users.revokeToken(id));
    context.print(json, { id, user, revoked: true }, () => `revoked ${id ?? `all tokens of ${user}`}\n`);
  });
}

function addRotate(group: Command, context: CommandContext): void {
  const command = group
    .command('rotate-keys')
    .description('Sign tokens with a new key from now on; those of earlier keys are valid until they expire.');
  describe(command, rotateOptions, ['token rotate-keys', 'token rotate-keys --revoke-old']).action(async () => {
    const { revokeOld, json, ...connection } = context.parse(command, rotateOptions).values;
    using client = context.connect(connection);
    const keyId = await client.users.rotateKeys(revokeOld);
    context.print(json, { keyId, revokeOld }, () => `tokens are signed with the key ${keyId} from now on\n`);
  });
}
