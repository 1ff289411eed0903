/** `npm start`: three nodes on this machine, with a store whose orders can be watched as they arrive. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { addFlags, type OptionValues, parseOptions, readFlags } from '../config/interface.ts';
import { asQuorateError, exitCodeOf, QuorateError } from '../errors/interface.ts';
import { createNodeRuntime, type Runtime } from '../runtime/interface.ts';
import { Demo } from './demo.ts';
import { demoOptions } from './demo-options.ts';
import { LiveDisplay } from './live-display.ts';

type Values = OptionValues<typeof demoOptions>;

function parse(argv: readonly string[], runtime: Runtime): Values {
  const command = addFlags(new Command('npm start --'), demoOptions, { showEnv: false })
    .description('Three nodes on this machine, one of which is primary, with a store to watch and to try things on.')
    .allowExcessArguments(false)
    .exitOverride();
  command.parse(argv, { from: 'user' });
  const { values } = parseOptions(demoOptions, {
    flags: readFlags(command, demoOptions),
    files: runtime.files,
  });
  if (values.import !== undefined && !runtime.files.existsSync(path.resolve(values.import))) {
    throw new QuorateError('INVALID_ARGUMENT', `--import: there is no file ${values.import}`, {
      hint: 'Give the path of a SQLite file.',
    });
  }
  return values;
}

/** Aborts at the first signal; at the second one everything ends at once. */
function stopOnSignal(): AbortSignal {
  const abort = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (abort.signal.aborted) {
        process.exit(128 + os.constants.signals[name]);
      }
      abort.abort();
    });
  }
  return abort.signal;
}

async function run(values: Values, runtime: Runtime): Promise<void> {
  const temporary = values.dir === undefined ? mkdtempSync(path.join(os.tmpdir(), 'quorate-demo-')) : undefined;
  const removeTemporary = () => {
    if (temporary !== undefined) {
      rmSync(temporary, { recursive: true, force: true });
    }
  };
  process.on('exit', removeTemporary);
  using display = new LiveDisplay(process.stdout);
  await using demo = new Demo({
    directory: temporary ?? path.resolve(values.dir ?? ''),
    importFile: values.import === undefined ? undefined : path.resolve(values.import),
    port: values.port,
    httpPort: values.httpPort,
    ordersPerSecond: values.ordersPerSecond,
    runtime,
    display,
  });
  await demo.run(stopOnSignal());
}

async function main(): Promise<number> {
  const runtime = createNodeRuntime();
  try {
    await run(parse(process.argv.slice(2), runtime), runtime);
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      // Commander has printed the help, or what it did not understand.
      return thrown.exitCode === 0 ? 0 : exitCodeOf('INVALID_ARGUMENT');
    }
    const error = asQuorateError(thrown);
    process.stderr.write(`${error.message}\n${error.hint === undefined ? '' : `${error.hint}\n`}`);
    return exitCodeOf(error.code);
  }
}

process.exitCode = await main();
