import type { QuorateError } from '../errors/interface.ts';

/** Where a command writes: a terminal, a pipe, or a test. */
export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** When `out` is a terminal: how wide it is. */
  readonly terminal?: { readonly columns: number } | undefined;
  /** Resolves when there is room for more; for those who write much. */
  readonly drained?: () => Promise<void>;
}

/** JSON in which integers beyond 2^53 keep all their digits and bytes are base64. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') {
      return rawJson(part.toString());
    }
    if (typeof part === 'number' && !Number.isFinite(part)) {
      return { real: String(part) };
    }
    return part;
  });
}

/** JSON.rawJSON of ECMAScript 2026 (https://github.com/tc39/proposal-json-parse-with-source), not in the type library yet. */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
}

/** `error: …` and `hint: …` for people, one JSON object for programs. */
export function writeError(streams: Streams, error: QuorateError, json: boolean): void {
  if (json) {
    streams.err(`${toJson({ error: error.serialize() })}\n`);
    return;
  }
  streams.err(`error: ${error.message} (${error.code})\n`);
  if (error.hint !== undefined && error.hint !== '') {
    streams.err(`hint: ${error.hint}\n`);
  }
}
