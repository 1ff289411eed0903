import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { QuorateError } from '../errors/interface.ts';
import { clientOptions } from './client-options.ts';
import { type CommandContext, describe } from './command-context.ts';
import { printDatabase } from './print-database.ts';

/** Bytes of a file in one message. */
const chunkBytes = 256 * 1024;

/** `database import` and `database export`: SQLite files in and out. */
export function addFileCommands(group: Command, context: CommandContext): void {
  addImport(group, context);
  addExport(group, context);
}

function addImport(group: Command, context: CommandContext): void {
  const command = group
    .command('import <database> <file>')
    .description('Create a database with the content of a SQLite file, which stays as it is.');
  describe(command, clientOptions, ['database import shop ./shop.sqlite']).action(
    async (name: string, file: string) => {
      const { json, ...connection } = context.parse(command, clientOptions).values;
      if (!existsSync(file)) {
        throw new QuorateError('INVALID_ARGUMENT', `there is no file ${file}`);
      }
      warnOfWal(context, file);
      using client = context.connect(connection);
      const create = { database: name, role: '', replication: undefined };
      const content = createReadStream(file, { highWaterMark: chunkBytes });
      printDatabase(context, json, await client.importDatabase(create, content));
    },
  );
}

/** What a program has written and not yet moved into the file itself is not in the file. */
function warnOfWal(context: CommandContext, file: string): void {
  if (existsSync(`${file}-wal`)) {
    context.streams.err(
      `warning: ${file}-wal exists: close the program that uses the file, or its last changes are not imported\n`,
    );
  }
}

function addExport(group: Command, context: CommandContext): void {
  const command = group
    .command('export <database> <file>')
    .description('Write the content of a database to a plain SQLite file that any program can open.')
    .option('--overwrite', 'replace the file if it exists');
  describe(command, clientOptions, ['database export shop ./shop.sqlite']).action(
    async (name: string, file: string, flags: { overwrite?: true }) => {
      const { json, ...connection } = context.parse(command, clientOptions).values;
      if (existsSync(file) && flags.overwrite === undefined) {
        throw new QuorateError('INVALID_ARGUMENT', `${file} exists already`, {
          hint: 'Use --overwrite to replace it.',
        });
      }
      using client = context.connect(connection);
      const sizeBytes = await receive(client.exportDatabase(name), file);
      context.print(json, { database: name, file, sizeBytes }, () => `wrote ${sizeBytes} bytes to ${file}\n`);
    },
  );
}

/** A file that is there is complete. */
async function receive(content: AsyncIterable<Uint8Array>, file: string): Promise<number> {
  const partial = `${file}.partial`;
  let sizeBytes = 0;
  try {
    await pipeline(
      async function* () {
        for await (const chunk of content) {
          sizeBytes += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(partial, { flush: true }),
    );
    renameSync(partial, file);
    return sizeBytes;
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
