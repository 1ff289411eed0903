import { QuorateError } from '../errors/interface.ts';
import { namedOptions, type OptionDeclarations, type OptionValues } from './option.ts';
import { rangeOf } from './option-value.ts';

/**
 * Limits that a program gives, with the defaults of the others. Durations are in milliseconds, sizes in bytes.
 * @throws QuorateError INVALID_ARGUMENT
 */
export function limitValues<D extends OptionDeclarations>(
  declarations: D,
  given: { readonly [K in keyof D]?: OptionValues<D>[K] | undefined },
): OptionValues<D> {
  const named = new Map(namedOptions(declarations).map(({ key, declaration }) => [key, declaration]));
  const values: Record<string, unknown> = {};
  for (const [key, declaration] of named) {
    values[key] = declaration.default;
  }
  for (const [key, value] of Object.entries(given)) {
    const declaration = named.get(key);
    if (declaration === undefined) {
      throw new QuorateError('INVALID_ARGUMENT', `there is no limit named ${key}`, {
        hint: 'The limits are listed in docs/options.md; here they are written in camelCase.',
      });
    }
    if (value !== undefined) {
      values[key] =
        declaration.type === 'boolean' ? checkFlag(key, value) : checkLimit(key, value, rangeOf(declaration));
    }
  }
  // Every declared limit has a default, which the type system cannot see through the map.
  return values as OptionValues<D>;
}

function checkFlag(key: string, value: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw new QuorateError('INVALID_ARGUMENT', `${String(value)} is no value for the limit ${key}: say true or false`);
  }
  return value;
}

function checkLimit(key: string, value: unknown, { min, max }: { min: number; max: number }): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw new QuorateError('INVALID_ARGUMENT', `${String(value)} is no value for the limit ${key}`, {
      hint: `Give a whole number from ${min} to ${max}; durations are in milliseconds, sizes in bytes.`,
    });
  }
  return value;
}
