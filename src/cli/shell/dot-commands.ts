import { QuorateError } from '../../errors/interface.ts';
import { detailText } from '../detail-text.ts';
import { statusText } from '../status-text.ts';
import { storageText } from '../storage-text.ts';
import { importCsv } from './csv-import.ts';
import { printDump } from './dump.ts';
import { nodesText } from './node-text.ts';
import { type ResultMode, resultModes } from './result-text.ts';
import type { ShellSession } from './shell-session.ts';
import { userTables } from './user-tables.ts';

/** What a command of the shell works with. */
export interface DotContext {
  readonly session: ShellSession;
  readonly signal: AbortSignal;
  /** Runs the lines of a file. */
  readonly readFile: (file: string) => Promise<void>;
  /** Ends the shell after this command. */
  readonly quit: () => void;
}

interface DotCommand {
  /** Words for its arguments; those in brackets may be left out. */
  readonly usage: string;
  readonly help: string;
  readonly run: (context: DotContext, args: readonly string[]) => Promise<void> | void;
}

const commands: Readonly<Record<string, DotCommand>> = {
  '.tables': {
    usage: '[PATTERN]',
    help: 'List tables and views; % and _ in the pattern are as in LIKE.',
    run: ({ session, signal }, [pattern = '%']) =>
      printNames(session, `SELECT name FROM (${userTables}) WHERE name LIKE ? ORDER BY name`, pattern, signal),
  },
  '.schema': {
    usage: '[TABLE]',
    help: 'Show the statements that made the schema, or one table with its indexes and triggers.',
    run: ({ session, signal }, [table = '%']) =>
      printNames(
        session,
        `SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name IN (${userTables}) AND tbl_name LIKE ? ORDER BY rowid`,
        table,
        signal,
      ),
  },
  '.mode': {
    usage: 'MODE',
    help: `Show results as ${resultModes.join(', ')}.`,
    run: ({ session }, [mode]) => {
      session.mode = requireMode(mode);
    },
  },
  '.import': {
    usage: 'FILE TABLE',
    help: 'Put the rows of a CSV file into a table; a new one gets the names of the first line as its columns.',
    run: async ({ session, signal }, [file = '', table = '']) => {
      const rows = await importCsv(session, { file, table }, signal);
      session.tell(`${rows} ${rows === 1 ? 'row' : 'rows'} imported\n`);
    },
  },
  '.dump': {
    usage: '',
    help: 'Print SQL that rebuilds the database; needs the permission admin.',
    run: ({ session, signal }) => printDump(session, signal),
  },
  '.nodes': {
    usage: '',
    help: 'Show this node, the one that it follows and those that follow it.',
    run: async ({ session }) => session.print(nodesText(await session.client.status(session.database))),
  },
  '.status': {
    usage: '',
    help: 'Show roles, positions, lag and what is stored, as "quorate status DATABASE" does.',
    run: async ({ session }) => {
      const status = await session.client.status(session.database);
      const details = status.databases.map((database) => `\n${detailText(database)}${storageText(database)}`);
      session.print(statusText(status) + details.join(''));
    },
  },
  '.use': {
    usage: 'DATABASE',
    help: 'Work on another database of the same node.',
    run: ({ session }, [database = '']) => session.use(database),
  },
  '.read': {
    usage: 'FILE',
    help: 'Run the statements and commands of a file; the first error ends it.',
    run: ({ readFile }, [file = '']) => readFile(file),
  },
  '.help': { usage: '', help: 'Show this.', run: ({ session }) => session.print(helpText()) },
  '.quit': { usage: '', help: 'Leave the shell, as Ctrl-D does; an open transaction is rolled back.', run: leave },
};

function leave({ quit }: DotContext): void {
  quit();
}

/** Names for completion, with the words that may follow. */
export const dotCommandWords: ReadonlyMap<string, readonly string[]> = new Map(
  Object.keys(commands).map((name) => [name, name === '.mode' ? resultModes : []]),
);

/** Those whose argument is a table. */
export const commandsOnTables: ReadonlySet<string> = new Set(['.tables', '.schema']);

/** Runs a line that begins with a dot. @throws QuorateError INVALID_ARGUMENT; what the command throws */
export async function runDotCommand(line: string, context: DotContext): Promise<void> {
  const [name = '', ...args] = words(line.trim().replace(/;$/, ''));
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(name)} is no command of the shell`, {
      hint: 'See them with .help; SQL ends with a semicolon.',
    });
  }
  const most = command.usage.split(' ').filter((word) => word !== '').length;
  const least = command.usage.startsWith('[') ? 0 : most;
  if (args.length < least || args.length > most) {
    throw new QuorateError('INVALID_ARGUMENT', `${name} takes ${most === 0 ? 'no arguments' : 'other arguments'}`, {
      hint: `Write ${name}${command.usage === '' ? '' : ` ${command.usage}`}.`,
    });
  }
  await command.run(context, args);
}

/** Words between blanks; one in single or double quotes may have blanks in it. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  );
}

function requireMode(text = ''): ResultMode {
  const mode = resultModes.find((name) => name === text);
  if (mode === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no mode`, {
      hint: `Use ${resultModes.join(', ')}.`,
    });
  }
  return mode;
}

async function printNames(session: ShellSession, sql: string, pattern: string, signal: AbortSignal): Promise<void> {
  const { rows } = await session.query(sql, signal, [pattern]);
  session.print(rows.map(([text]) => `${String(text)}\n`).join(''));
}

function helpText(): string {
  const rows = Object.entries(commands).map(([name, { usage, help }]) => [`${name} ${usage}`.trim(), help] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, help]) => `${left.padEnd(width)}  ${help}\n`).join('');
}
