import { QuorateError } from '../errors/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import type { NamedOption } from './option.ts';

/** A config file is read whole; a larger one is a mistake. */
const maxConfigFileBytes = 1024 * 1024;

/**
 * Reads a JSON object whose names are those of the flags: `{"port": 3322, "query-timeout": "30s"}`.
 * @throws QuorateError INVALID_ARGUMENT when it is no such object or has a name that is no option; IO_ERROR
 */
export function readConfigFile(
  files: FileSystem,
  filePath: string,
  options: readonly NamedOption[],
): ReadonlyMap<string, unknown> {
  const entries = parseObject(files, filePath);
  const known = new Set(options.map((option) => option.flag));
  for (const name of entries.keys()) {
    if (!known.has(name)) {
      throw new QuorateError('INVALID_ARGUMENT', `${filePath}: there is no option "${name}"`, {
        hint: 'Names in a config file are those of the flags without the dashes; docs/options.md lists them.',
        details: { option: name },
      });
    }
  }
  return entries;
}

function parseObject(files: FileSystem, filePath: string): ReadonlyMap<string, unknown> {
  const content = files.readFileSync(filePath);
  if (content.length > maxConfigFileBytes) {
    throw new QuorateError('INVALID_ARGUMENT', `${filePath} has ${content.length} bytes`, {
      hint: `A config file has at most ${maxConfigFileBytes} bytes.`,
    });
  }
  const parsed = parseJson(Buffer.from(content).toString('utf8'), filePath);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new QuorateError('INVALID_ARGUMENT', `${filePath} does not hold a JSON object`, {
      hint: 'Write it as {"port": 3322, "query-timeout": "30s"}.',
    });
  }
  return new Map(Object.entries(parsed));
}

function parseJson(text: string, filePath: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The parser quotes what it read, and that may be a secret: only the place of the fault is told.
    const place =
      cause instanceof Error ? (/position \d+( \(line \d+ column \d+\))?/.exec(cause.message)?.[0] ?? '') : '';
    throw new QuorateError('INVALID_ARGUMENT', `${filePath} is not valid JSON${place === '' ? '' : ` at ${place}`}`, {
      hint: 'Check its commas and quotes.',
    });
  }
}

/**
 * The first line of a file that holds a secret.
 * @throws QuorateError INVALID_ARGUMENT when the line is empty; IO_ERROR
 */
export function readSecretFile(files: FileSystem, filePath: string, origin: string): string {
  const text = Buffer.from(files.readFileSync(filePath)).toString('utf8');
  const line = text.split(/\r?\n/, 1)[0] ?? '';
  if (line === '') {
    throw new QuorateError('INVALID_ARGUMENT', `${origin}: the first line of ${filePath} is empty`, {
      hint: 'Put the secret on the first line of the file.',
    });
  }
  return line;
}
