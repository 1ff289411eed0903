import { QuorateError } from '../errors/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import { readConfigFile, readSecretFile } from './config-file.ts';
import { type NamedOption, namedOptions, type OptionDeclarations, type OptionValues } from './option.ts';
import { formatOptionValue, type OptionValue, parseOptionValue } from './option-value.ts';

/** Where values may come from; earlier ones win: flags, environment, config file, default. */
export interface OptionSources {
  /** Raw values by the name of the flag, as `readFlags` gives them. */
  readonly flags?: ReadonlyMap<string, unknown>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For the config file (the option `config`, if declared) and the files of secrets. */
  readonly files: FileSystem;
}

/** One option with the value that it got and from where, for people; secrets are hidden. */
export interface OptionReport {
  readonly flag: string;
  /** undefined when the option has none. */
  readonly value: string | undefined;
  /** `--port`, `QUORATE_PORT`, the path of the config file, or `default`. */
  readonly source: string;
}

export interface ParsedOptions<D extends OptionDeclarations> {
  readonly values: OptionValues<D>;
  /** Every option in the order of its declaration, with its source. */
  readonly report: readonly OptionReport[];
  /** The options that were given, not defaulted: what an update command may send. */
  readonly given: ReadonlySet<keyof D>;
}

interface Found {
  readonly value: OptionValue;
  readonly source: string;
}

interface Layer {
  /** The raw value of an option and how this layer calls it. */
  lookUp(option: NamedOption): { raw: unknown; origin: string } | undefined;
  readonly source: (origin: string) => string;
}

/**
 * Finds, checks and types the value of every declared option.
 * @throws QuorateError INVALID_ARGUMENT, which names the option and where its value came from; IO_ERROR
 */
export function parseOptions<D extends OptionDeclarations>(declarations: D, sources: OptionSources): ParsedOptions<D> {
  const options = namedOptions(declarations);
  const layers = sourceLayers(options, sources);
  const companions = new Map(
    options.flatMap((option) => (option.secretKey === undefined ? [] : [[option.secretKey, option] as const])),
  );
  const values: Record<string, OptionValue | undefined> = {};
  const report: OptionReport[] = [];
  const given = new Set<string>();
  for (const option of options.filter(({ secretKey }) => secretKey === undefined)) {
    const found = findValue(option, companions.get(option.key), layers, sources.files);
    values[option.key] = found?.value ?? option.declaration.default;
    if (found !== undefined) {
      given.add(option.key);
    }
    report.push(reportOf(option, values[option.key], found?.source ?? 'default'));
  }
  // Each key was filled from its own declaration by the loop above, which the type system cannot follow.
  return { values: values as OptionValues<D>, report, given };
}

function reportOf(option: NamedOption, value: OptionValue | undefined, source: string): OptionReport {
  return { flag: option.flag, value: value === undefined ? undefined : formatOptionValue(option, value), source };
}

function sourceLayers(options: readonly NamedOption[], sources: OptionSources): Layer[] {
  const named = [flagLayer(sources.flags ?? new Map()), envLayer(sources.env ?? {})];
  const config = options.find((option) => option.key === 'config');
  const found = config === undefined ? undefined : findIn(named, config);
  if (config === undefined || found === undefined) {
    return named;
  }
  const filePath = String(parseOptionValue(config, found.raw, found.origin));
  const entries = readConfigFile(sources.files, filePath, options);
  return [...named, fileLayer(filePath, entries)];
}

function flagLayer(flags: ReadonlyMap<string, unknown>): Layer {
  return {
    source: (origin) => origin,
    lookUp(option) {
      const given = [option.flag, ...(option.declaration.aliases ?? [])].filter((name) => flags.has(name));
      const [name, other] = given;
      if (other !== undefined) {
        throw new QuorateError('INVALID_ARGUMENT', `--${name} and --${other} mean the same and were both given`, {
          hint: `Give only --${option.flag}.`,
        });
      }
      return name === undefined ? undefined : { raw: flags.get(name), origin: `--${name}` };
    },
  };
}

function envLayer(env: Readonly<Record<string, string | undefined>>): Layer {
  return {
    source: (origin) => origin,
    lookUp(option) {
      const names = [option.env, ...(option.declaration.variables ?? [])];
      const origin = names.find((name) => env[name] !== undefined && env[name] !== '');
      return origin === undefined ? undefined : { raw: env[origin], origin };
    },
  };
}

function fileLayer(filePath: string, entries: ReadonlyMap<string, unknown>): Layer {
  return {
    source: () => filePath,
    lookUp(option) {
      return entries.has(option.flag)
        ? { raw: entries.get(option.flag), origin: `${filePath}: "${option.flag}"` }
        : undefined;
    },
  };
}

function findIn(layers: readonly Layer[], option: NamedOption) {
  for (const layer of layers) {
    const found = layer.lookUp(option);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

/** The first layer that has the option or, for a secret, the file of it. */
function findValue(
  option: NamedOption,
  companion: NamedOption | undefined,
  layers: readonly Layer[],
  files: FileSystem,
): Found | undefined {
  for (const layer of layers) {
    const direct = layer.lookUp(option);
    const viaFile = companion === undefined ? undefined : layer.lookUp(companion);
    if (direct !== undefined && viaFile !== undefined) {
      throw new QuorateError('INVALID_ARGUMENT', `${direct.origin} and ${viaFile.origin} were both given`, {
        hint: 'Give the secret itself or its file, not both.',
      });
    }
    if (direct !== undefined) {
      return { value: parseOptionValue(option, direct.raw, direct.origin), source: layer.source(direct.origin) };
    }
    if (companion !== undefined && viaFile !== undefined) {
      const filePath = String(parseOptionValue(companion, viaFile.raw, viaFile.origin));
      return { value: readSecretFile(files, filePath, viaFile.origin), source: layer.source(viaFile.origin) };
    }
  }
  return undefined;
}
