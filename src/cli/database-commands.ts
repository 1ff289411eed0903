import type { Command } from 'commander';
import type { NodeClient } from '../client/interface.ts';
import type { DatabaseStatus } from '../proto/interface.ts';
import { databaseStatusJson } from '../server/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { confirmationOptions, confirmByName } from './confirmation.ts';
import { addFileCommands } from './database-file-commands.ts';
import { createRequest, databaseOptions, updateRequest, waitOptions } from './database-options.ts';
import { printDatabase } from './print-database.ts';
import { addRejoinCommand } from './rejoin-command.ts';
import { waitForReplica } from './replica-wait.ts';
import { databasesText } from './status-text.ts';

export function addDatabaseCommands(program: Command, context: CommandContext): void {
  const group = program.command('database').description('Create, change and move databases.');
  addCreate(group, context);
  addList(group, context);
  addUpdate(group, context);
  addSimple(group, context, 'load', 'Open a database that was unloaded.', (client, name) => client.loadDatabase(name));
  addSimple(group, context, 'unload', 'Close a database, also for the next starts of the server.', (client, name) =>
    client.unloadDatabase(name),
  );
  addRejoinCommand(group, context);
  addDelete(group, context);
  addForgetReplica(group, context);
  addFileCommands(group, context);
}

function addCreate(group: Command, context: CommandContext): void {
  const command = group
    .command('create <database>')
    .description('Create a database: a primary or, with replication flags, a replica of another database.');
  describe(command, { ...databaseOptions, ...waitOptions }, [
    'database create shop',
    'database create shop-copy --replication-enabled --replication-primary-database shop --replication-primary-username admin --replication-primary-password-file ./password.txt',
    'database create shop --replication-enabled --replication-primary-host 10.0.0.5 --replication-primary-username admin --replication-primary-password-file ./password.txt',
    'database create fed --role replica',
  ]).action(async (name: string) => {
    const parsed = context.parse(command, databaseOptions);
    const { json } = parsed.values;
    const { wait = !json && context.streams.terminal !== undefined } = context.parse(command, waitOptions).values;
    using client = context.connect(parsed.values);
    const created = await client.createDatabase(createRequest(name, parsed));
    if (!wait || created.replicator === undefined) {
      return printDatabase(context, json, created);
    }
    await waitForReplica(context, client, name);
    const { databases } = await client.status(name);
    printDatabase(context, json, databases[0] ?? created);
  });
}

function addUpdate(group: Command, context: CommandContext): void {
  const command = group
    .command('update <database>')
    .description('Change the role or the upstream of a database, at once and without a restart.');
  describe(command, databaseOptions, [
    'database update shop --role primary',
    'database update shop --replication-enabled --replication-primary-host 10.0.0.6 --replication-primary-username admin --replication-primary-password-file ./password.txt',
    'database update shop --replication-enabled=false',
  ]).action(async (name: string) => {
    const parsed = context.parse(command, databaseOptions);
    using client = context.connect(parsed.values);
    printDatabase(context, parsed.values.json, await client.updateDatabase(updateRequest(name, parsed)));
  });
}

function addList(group: Command, context: CommandContext): void {
  const command = group.command('list').description('List the databases of a server with their roles and positions.');
  describe(command, clientOptions, ['database list', 'database list --json']).action(async () => {
    const { json, ...connection } = context.parse(command, clientOptions).values;
    using client = context.connect(connection);
    const { databases } = await client.status();
    context.print(json, databases.map(databaseStatusJson), () => databasesText(databases));
  });
}

function addSimple(
  group: Command,
  context: CommandContext,
  verb: string,
  description: string,
  run: (client: NodeClient, name: string) => Promise<DatabaseStatus>,
): void {
  const command = group.command(`${verb} <database>`).description(description);
  describe(command, clientOptions, [`database ${verb} shop`]).action(async (name: string) => {
    const { json, ...connection } = context.parse(command, clientOptions).values;
    using client = context.connect(connection);
    printDatabase(context, json, await run(client, name));
  });
}

function addDelete(group: Command, context: CommandContext): void {
  const command = group
    .command('delete <database>')
    .description('Delete a database with all its data on this server, after a confirmation.');
  const options = { ...confirmationOptions, ...clientOptions } as const;
  describe(command, options, ['database delete shop', 'database delete shop --yes']).action(async (name: string) => {
    const { json, yes, ...connection } = context.parse(command, options).values;
    using client = context.connect(connection);
    if (!yes) {
      await confirmByName(
        `This deletes the database ${name} with all its data on ${connection.host}:${connection.port}.`,
        name,
      );
    }
    await client.deleteDatabase(name);
    context.print(json, { database: name, deleted: true }, () => `deleted ${name}\n`);
  });
}

function addForgetReplica(group: Command, context: CommandContext): void {
  const command = group
    .command('forget-replica <database> <replica>')
    .description('Keep the log of a database no longer for a replica that will not come back.');
  describe(command, clientOptions, ['database forget-replica shop replica-3']).action(
    async (name: string, replica: string) => {
      const { json, ...connection } = context.parse(command, clientOptions).values;
      using client = context.connect(connection);
      printDatabase(context, json, await client.forgetReplica(name, replica));
    },
  );
}
