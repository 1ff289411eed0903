import process from 'node:process';
import type { Command } from 'commander';
import { defineOptions } from '../../config/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import { defaultDatabaseName } from '../../server/interface.ts';
import { clientOptions } from '../client-options.ts';
import { type CommandContext, collect, describe } from '../command-context.ts';
import { stopSignal } from '../stop-signal.ts';
import { defaultHistoryFile, ShellHistory } from './history.ts';
import { InteractiveShell } from './interactive-shell.ts';
import { resultModes } from './result-text.ts';
import { linesOf, ScriptRunner } from './script-runner.ts';
import { ShellSession } from './shell-session.ts';

const options = {
  ...defineOptions('Shell', {
    mode: { type: 'choice', choices: resultModes, help: 'How results are shown; a table, or JSON with --json.' },
    historyFile: {
      type: 'path',
      placeholder: 'FILE',
      help: 'Where typed lines are kept; by default shell-history in $XDG_STATE_HOME/quorate.',
    },
    historyLines: { type: 'integer', default: 1_000, max: 100_000, help: 'Lines that are kept; 0 for none.' },
  }),
  ...clientOptions,
} as const;

export function addShellCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('shell [database]')
    .description('An SQL prompt; from a pipe or with -c it runs what it is given and ends with the first error.')
    .option('-c, --command <sql>', 'run this SQL or command of the shell, and leave; may be repeated', collect, []);
  describe(command, options, [
    'shell',
    'shell shop --host 10.0.0.5',
    'shell shop -c "SELECT * FROM products" --mode csv',
    'shell shop -c .dump > shop.sql',
    'shell shop-copy < shop.sql',
  ]).action(async (database: string = defaultDatabaseName, flags: { command: string[] }) => {
    const { json, mode, historyFile, historyLines, ...connection } = context.parse(command, options).values;
    using client = context.connect(connection);
    const { streams } = context;
    const isInteractive = flags.command.length === 0 && process.stdin.isTTY && streams.terminal !== undefined;
    using session = new ShellSession({
      client,
      streams,
      database,
      mode: mode ?? (json ? 'json' : 'table'),
      isInteractive,
    });
    await session.use(database);
    if (isInteractive) {
      const history = new ShellHistory(historyFile ?? defaultHistoryFile(context.env), historyLines);
      await runInteractive(session, history, `${connection.host}:${connection.port}`);
    } else {
      await runScript(session, flags.command);
    }
  });
}

async function runInteractive(session: ShellSession, history: ShellHistory, address: string): Promise<void> {
  session.print(`Connected to ${address}. SQL ends with a semicolon; .help lists commands, Ctrl-D leaves.\n`);
  await new InteractiveShell(session, history).run();
  if (session.end()) {
    session.print('the open transaction was rolled back\n');
  }
}

/** @throws QuorateError the first error; TRANSACTION_CLOSED when the script leaves a transaction open */
async function runScript(session: ShellSession, commands: readonly string[]): Promise<void> {
  using stop = stopSignal();
  // Otherwise the wait for the next line would go on.
  stop.signal.addEventListener('abort', () => process.stdin.destroy(), { once: true });
  if (commands.length === 0) {
    await new ScriptRunner(session).runAll(linesOf(process.stdin), stop.signal);
  }
  for (const text of commands) {
    const runner = new ScriptRunner(session);
    await runner.runAll(text.split('\n'), stop.signal);
    if (runner.hasQuit) {
      break;
    }
  }
  const wasOpen = session.end();
  if (stop.signal.aborted) {
    throw new QuorateError('CANCELLED', 'the shell was told to stop');
  }
  if (wasOpen) {
    throw new QuorateError('TRANSACTION_CLOSED', 'the input ended inside a transaction, which was rolled back', {
      hint: 'End it with COMMIT;',
    });
  }
}
