/** What an HTTP request is answered. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const jsonType = 'application/json; charset=utf-8';

export function json(status: number, body: unknown): Answer {
  return { status, type: jsonType, body: `${JSON.stringify(body)}\n` };
}
