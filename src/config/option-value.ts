import { QuorateError } from '../errors/interface.ts';
import { isSecret, type NamedOption, type OptionDeclaration } from './option.ts';
import { formatBytes, formatDuration, parseBytes, parseDurationMs } from './units.ts';

export type OptionValue = string | number | boolean;

/** Texts longer than this are mistakes. */
const maxTextLength = 4096;

/** Timers of Node fire at once when they are given more than 2^31 - 1 ms, so a duration is at most 24 days. */
const maxTimerMs = 24 * 24 * 60 * 60 * 1000;

/**
 * Turns what a person or a file gave into the value of an option.
 * @param origin where it came from, for the message: `--port` or `QUORATE_PORT`
 * @throws QuorateError INVALID_ARGUMENT
 */
export function parseOptionValue(option: NamedOption, raw: unknown, origin: string): OptionValue {
  const value = parseByType(option.declaration, raw);
  if (value === undefined) {
    throw invalid(option, raw, origin, expectation(option.declaration));
  }
  if (typeof value === 'number') {
    requireRange(option, value, raw, origin);
  }
  return value;
}

function parseByType(declaration: OptionDeclaration, raw: unknown): OptionValue | undefined {
  switch (declaration.type) {
    case 'boolean':
      return parseBoolean(raw);
    case 'integer':
      return parseInteger(raw);
    case 'fraction':
      return parseFraction(raw);
    case 'bytes':
      return parseBytes(String(raw));
    case 'duration':
      return parseDurationMs(String(raw));
    case 'choice':
      return declaration.choices.find((choice) => choice === raw);
    case 'address':
      return typeof raw === 'string' && isAddress(raw) ? raw : undefined;
    case 'string':
    case 'path':
      return typeof raw === 'string' && raw.length > 0 && raw.length <= maxTextLength ? raw : undefined;
  }
}

function parseBoolean(raw: unknown): boolean | undefined {
  if (raw === true || raw === 'true' || raw === '1') {
    return true;
  }
  return raw === false || raw === 'false' || raw === '0' ? false : undefined;
}

function parseInteger(raw: unknown): number | undefined {
  const text = typeof raw === 'number' ? String(raw) : raw;
  return typeof text === 'string' && /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))
    ? Number(text)
    : undefined;
}

function parseFraction(raw: unknown): number | undefined {
  const text = String(raw);
  return /^(0|1|[01]?\.\d+)$/.test(text) && Number(text) <= 1 ? Number(text) : undefined;
}

/** A host name, an IPv4 or an IPv6 address; a port or a scheme belongs elsewhere. */
function isAddress(text: string): boolean {
  const hostName = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})$/;
  const version6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%a-z]*$/;
  return hostName.test(text) || version6.test(text);
}

function requireRange(option: NamedOption, value: number, raw: unknown, origin: string): void {
  const { min, max } = rangeOf(option.declaration);
  if (value < min || value > max) {
    const hint = `Give a value from ${formatOptionValue(option, min)} to ${formatOptionValue(option, max)}.`;
    throw invalid(option, raw, origin, hint);
  }
}

/** Smallest and largest value of a numeric option; no limits for the other types. */
export function rangeOf(declaration: OptionDeclaration): { min: number; max: number } {
  const widest = { min: 0, max: declaration.type === 'duration' ? maxTimerMs : Number.MAX_SAFE_INTEGER };
  if (declaration.type === 'integer' || declaration.type === 'bytes' || declaration.type === 'duration') {
    return { min: declaration.min ?? widest.min, max: declaration.max ?? widest.max };
  }
  return widest;
}

function expectation(declaration: OptionDeclaration): string {
  switch (declaration.type) {
    case 'boolean':
      return 'Give true or false.';
    case 'integer':
      return 'Give a whole number.';
    case 'fraction':
      return 'Give a number from 0 to 1, such as 0.05.';
    case 'bytes':
      return 'Give a size with its unit, such as 512KiB, 16MiB or 1GiB.';
    case 'duration':
      return 'Give a duration with its unit, such as 500ms, 30s, 10m or 24h.';
    case 'choice':
      return `Give one of: ${declaration.choices.join(', ')}.`;
    case 'address':
      return 'Give a host name or an IP address, without a port.';
    case 'string':
    case 'path':
      return `Give a text of 1 to ${maxTextLength} characters.`;
  }
}

function invalid(option: NamedOption, raw: unknown, origin: string, hint: string): QuorateError {
  const shown = isSecret(option.declaration) ? 'the given value' : JSON.stringify(raw);
  return new QuorateError('INVALID_ARGUMENT', `${origin}: ${shown} is not valid`, {
    hint,
    details: { option: option.flag },
  });
}

/** The form in which a person would write the value. The value of a secret is not shown. */
export function formatOptionValue(option: NamedOption, value: OptionValue): string {
  if (isSecret(option.declaration)) {
    return '(hidden)';
  }
  switch (option.declaration.type) {
    case 'bytes':
      return formatBytes(Number(value));
    case 'duration':
      return formatDuration(Number(value));
    default:
      return String(value);
  }
}
