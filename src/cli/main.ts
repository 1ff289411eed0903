import { once } from 'node:events';
import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { addFlags } from '../config/interface.ts';
import { asQuorateError, exitCodeOf, QuorateError } from '../errors/interface.ts';
import { version } from '../server/interface.ts';
import { clientOptions } from './client-options.ts';
import { CommandContext } from './command-context.ts';
import { addCompletionCommand } from './completion-command.ts';
import { addDatabaseCommands } from './database-commands.ts';
import { addFailoverCommands } from './failover-commands.ts';
import { addGroupCommands } from './group-commands.ts';
import { addLoginCommand } from './login-command.ts';
import { type Streams, writeError } from './output.ts';
import { addQueryCommand } from './query-command.ts';
import { addReplicateCommand } from './replicate-command.ts';
import { addServerCommand } from './server-command.ts';
import { addSettingsCommand } from './settings-command.ts';
import { addShellCommand } from './shell/shell-command.ts';
import { addDigestCommand, addOutcomeCommand, addStatusCommand } from './status-command.ts';
import { addTlsCommands } from './tls-commands.ts';
import { addTokenCommands } from './token-commands.ts';
import { addUserCommands } from './user-commands.ts';
import { addVerifyCommand } from './verify-command.ts';

const defaultColumns = 80;

const processStreams: Streams = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  async drained() {
    const { stdout } = process;
    if (stdout.writableNeedDrain && !stdout.destroyed) {
      await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]);
    }
  },
  get terminal() {
    // A terminal that does not know its size says 0.
    return process.stdout.isTTY ? { columns: process.stdout.columns || defaultColumns } : undefined;
  },
};

function buildProgram(context: CommandContext): Command {
  const program = new Command('quorate')
    .description('Replicated SQLite: a server, and the commands to work with it.')
    .version(version)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: context.streams.out, writeErr: () => {} });
  addFlags(program, clientOptions);
  addServerCommand(program, context);
  addLoginCommand(program, context);
  addUserCommands(program, context);
  addTokenCommands(program, context);
  addTlsCommands(program, context);
  addDatabaseCommands(program, context);
  addGroupCommands(program, context);
  addFailoverCommands(program, context);
  addQueryCommand(program, context);
  addShellCommand(program, context);
  addStatusCommand(program, context);
  addSettingsCommand(program, context);
  addDigestCommand(program, context);
  addOutcomeCommand(program, context);
  addReplicateCommand(program, context);
  addVerifyCommand(program, context);
  addCompletionCommand(program, context);
  return program;
}

/** Commander ends with an exception also when it has shown the help or the version. */
function usageError(error: CommanderError): QuorateError | undefined {
  if (error.exitCode === 0) {
    return undefined;
  }
  if (error.code === 'commander.help') {
    return new QuorateError('INVALID_ARGUMENT', 'a command is missing', { hint: 'See the commands with --help.' });
  }
  return new QuorateError('INVALID_ARGUMENT', error.message.replace(/^error: /, ''), {
    hint: 'See the options of each command with --help.',
  });
}

/** `quorate query … | head` closes the pipe early; that is no error. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') {
    throw error;
  }
}

/** Runs one command line and returns its exit code; errors go to standard error. */
export async function main(argv: readonly string[], streams: Streams = processStreams): Promise<number> {
  process.stdout.on('error', ignoreClosedPipe);
  const program = buildProgram(new CommandContext(streams));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (thrown) {
    const error = thrown instanceof CommanderError ? usageError(thrown) : asQuorateError(thrown);
    if (error === undefined) {
      return 0;
    }
    writeError(streams, error, argv.includes('--json'));
    return exitCodeOf(error.code);
  }
}
