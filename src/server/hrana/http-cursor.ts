import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { CursorEntries } from './cursor-entries.ts';
import type { DatabaseAccess } from './database-access.ts';
import { beginStream } from './http-messages.ts';
import { closeWithClient, type HttpStreams, isEmpty } from './http-streams.ts';
import type { WireBatch } from './wire-types.ts';

/** Entries that are written at once. */
const entriesAtOnce = 256;

/** Answers `POST /v3/cursor`: one line of JSON for the stream, and one for each entry, as they come. */
export async function answerCursor(
  streams: HttpStreams,
  { baton, batch }: { readonly baton: string | undefined; readonly batch: WireBatch },
  access: DatabaseAccess,
  response: ServerResponse,
): Promise<void> {
  const stream = baton === undefined ? streams.open(access, false) : streams.take(baton, access);
  const release = closeWithClient(stream, response);
  // The baton goes out before the batch runs, so one is needed whenever the stream may hold something afterwards.
  const next = isEmpty(stream) && !stream.mayHoldAfter(batch) ? undefined : streams.newBaton();
  let keeps = false;
  try {
    beginStream(response);
    response.write(`{"baton":${JSON.stringify(next ?? null)},"base_url":null}\n`);
    const entries = new CursorEntries(stream, batch);
    let lines = await entries.next(entriesAtOnce);
    while (lines.length > 0 && !response.destroyed) {
      if (!response.write(`${lines.join('\n')}\n`)) {
        await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
      lines = await entries.next(entriesAtOnce);
    }
    keeps = next !== undefined && !response.destroyed;
    response.end();
  } finally {
    release();
    await (keeps && next !== undefined ? streams.keep(next, stream) : stream.close());
  }
}
