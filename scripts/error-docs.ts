import { errorCodes } from '../src/errors/interface.ts';

/** Names of https://grpc.io/docs/guides/status-codes/ by number. */
const grpcStatusNames: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

const introduction = `# Errors

Every error of Quorate has a code of this closed list, a message that says what happened and, where a person can do
something about it, a hint. The codes are the same in the library (\`error.code\`), over gRPC (the status below, with the
code in the metadata), over HTTP and in the output of the command line, which exits with the number in the last column.

*Retry* means that the same request may succeed later without anybody changing anything.
`;

/** The text of docs/errors.md. */
export function renderErrorDocs(): string {
  const rows = Object.entries(errorCodes).map(
    ([code, entry]) =>
      `| \`${code}\` | ${entry.meaning} | ${entry.retryable ? 'yes' : 'no'} | ${grpcStatusNames[entry.grpc]} | ${entry.http} | ${entry.exit} |`,
  );
  return [
    introduction,
    '| code | when | retry | gRPC | HTTP | exit |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    'The command line exits with 0 on success. This page is generated from `src/errors/error-codes.ts` by `npm run docs`.',
    '',
  ].join('\n');
}
