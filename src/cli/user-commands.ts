import type { Command } from 'commander';
import type { NodeClient } from '../client/interface.ts';
import { defineOptions } from '../config/interface.ts';
import type { User } from '../proto/interface.ts';
import { isoTime } from '../runtime/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { readPassword } from './password-prompt.ts';
import { parsePermissions, permissionText } from './permission-list.ts';
import { renderTable } from './text-table.ts';

const newPasswordOptions = defineOptions('Password', {
  newPassword: {
    type: 'string',
    secret: true,
    help: 'The new password; asked for, or read from standard input, when absent. A flag can be seen by other users of this machine.',
  },
});

const createOptions = {
  ...newPasswordOptions,
  ...defineOptions('User', {
    sysadmin: { type: 'boolean', default: false, help: 'A super-admin, who may everything on the server.' },
    grant: {
      type: 'string',
      placeholder: 'LIST',
      help: 'Permissions such as read:shop,write:stock, with commas between or in several flags; * is every database but systemdb.',
    },
  }),
  ...clientOptions,
} as const;

const passwordOptions = {
  ...newPasswordOptions,
  ...defineOptions('Login', {
    currentPassword: {
      type: 'string',
      secret: true,
      help: 'The present password, of those who change their own and are no super-admin.',
    },
  }),
  ...clientOptions,
} as const;

export function addUserCommands(program: Command, context: CommandContext): void {
  const group = program.command('user').description('Users of a server and what they may do.');
  addCreate(group, context);
  addList(group, context);
  addPassword(group, context);
  addSimple(group, context, {
    usage: 'activate <user>',
    description: 'Let a user log in again.',
    example: 'user activate ada',
    run: (client, [user = '']) => client.users.setActive(user, true),
  });
  addSimple(group, context, {
    usage: 'deactivate <user>',
    description: 'End all tokens and streams of a user, and let no new ones begin.',
    example: 'user deactivate ada',
    run: (client, [user = '']) => client.users.setActive(user, false),
  });
  addSimple(group, context, {
    usage: 'grant <user> <permission> [database]',
    description: 'Grant read, write, admin or replication on a database (* for all but systemdb), or sysadmin.',
    example: 'user grant ada write shop',
    run: (client, [user = '', permission = '', database = '']) => client.users.grant({ user, permission, database }),
  });
  addSimple(group, context, {
    usage: 'revoke <user> <permission> [database]',
    description: 'Take back what was granted.',
    example: 'user revoke ada write shop',
    run: (client, [user = '', permission = '', database = '']) => client.users.revoke({ user, permission, database }),
  });
  addDelete(group, context);
}

function addCreate(group: Command, context: CommandContext): void {
  const command = group
    .command('create <user>')
    .description('Create a user, who may do what --grant says and no more.');
  describe(command, createOptions, [
    'user create ada --grant write:shop --new-password-file ./ada-password.txt',
    'user create follower --grant replication:shop',
    'user create root2 --sysadmin',
  ]).action(async (user: string) => {
    const { newPassword, sysadmin, grant, json, ...connection } = context.parse(command, createOptions).values;
    const permissions = parsePermissions(grant ?? '');
    const password = newPassword ?? (await readPassword(`New password of ${user}: `));
    using client = context.connect(connection);
    printUser(context, json, await client.users.create({ user, password, sysadmin, permissions }));
  });
}

function addList(group: Command, context: CommandContext): void {
  const command = group.command('list').description('List the users of a server with their permissions.');
  describe(command, clientOptions, ['user list', 'user list --json']).action(async () => {
    const { json, ...connection } = context.parse(command, clientOptions).values;
    using client = context.connect(connection);
    const users = await client.users.list();
    context.print(json, users.map(userJson), () => usersText(users));
  });
}

function addPassword(group: Command, context: CommandContext): void {
  const command = group
    .command('password <user>')
    .description('Change a password, which ends all tokens of the user: your own, or as a super-admin that of others.');
  describe(command, passwordOptions, [
    'user password ada --new-password-file ./ada-password.txt',
    'user password me --current-password-file ./old.txt --new-password-file ./new.txt',
  ]).action(async (user: string) => {
    const values = context.parse(command, passwordOptions).values;
    const { newPassword, currentPassword = '', json, ...connection } = values;
    const password = newPassword ?? (await readPassword(`New password of ${user}: `));
    using client = context.connect(connection);
    await client.users.setPassword({ user, password, currentPassword });
    context.print(json, { user }, () => `the password of ${user} was changed; all tokens of ${user} have ended\n`);
  });
}

function addDelete(group: Command, context: CommandContext): void {
  const command = group.command('delete <user>').description('Delete a user, and all permissions and tokens with it.');
  describe(command, clientOptions, ['user delete ada']).action(async (user: string) => {
    const { json, ...connection } = context.parse(command, clientOptions).values;
    using client = context.connect(connection);
    await client.users.delete(user);
    context.print(json, { user, deleted: true }, () => `deleted ${user}\n`);
  });
}

interface SimpleCommand {
  readonly usage: string;
  readonly description: string;
  readonly example: string;
  readonly run: (client: NodeClient, args: readonly (string | undefined)[]) => Promise<User>;
}

/** A command without options of its own that answers with the user as it is then. */
function addSimple(group: Command, context: CommandContext, { usage, description, example, run }: SimpleCommand): void {
  const command = group.command(usage).description(description);
  describe(command, clientOptions, [example]).action(async () => {
    const { json, ...connection } = context.parse(command, clientOptions).values;
    using client = context.connect(connection);
    printUser(context, json, await run(client, command.processedArgs as (string | undefined)[]));
  });
}

function printUser(context: CommandContext, json: boolean, user: User): void {
  context.print(json, userJson(user), () => usersText([user]));
}

function userJson({ createdAtMs, ...user }: User): object {
  return { ...user, createdAt: isoTime(createdAtMs) };
}

function usersText(users: readonly User[]): string {
  const rows = users.map(({ user, active, sysadmin, permissions, createdAtMs }) => {
    const held = [...(sysadmin ? ['sysadmin'] : []), ...permissions.map(permissionText)].join(',');
    return [user, active ? 'active' : 'inactive', isoTime(createdAtMs), held].map((text) => ({ text }));
  });
  return renderTable(['user', 'state', 'created', 'permissions'], rows);
}
