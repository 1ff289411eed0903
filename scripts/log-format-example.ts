/** The part of docs/log-format.md that shows a golden file byte by byte. */

/** The example of docs/log-format.md: header, first frame and first record of the golden log `plain`. */
export function renderExample(file: Buffer): string {
  const at = (offset: number, length: number, meaning: string) => {
    const hex = file
      .subarray(offset, offset + length)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1 ');
    const lines = hex.match(/.{1,47}( |$)/g) ?? [];
    return lines
      .map((line, index) =>
        `${String(offset + index * 16).padStart(5)}  ${line.trim().padEnd(47)}  ${index === 0 ? meaning : ''}`.trimEnd(),
      )
      .join('\n');
  };
  const operationsLength = file.readUInt32LE(4164);
  const hashOffset = 4168 + operationsLength;
  const lines = [
    at(0, 8, 'magic'),
    at(8, 4, `format version ${file.readUInt32LE(8)}`),
    at(12, 4, `header size ${file.readUInt32LE(12)}`),
    at(16, 16, 'database id'),
    at(32, 8, `first txId ${file.readBigUInt64LE(32)}`),
    at(40, 8, `previous term ${file.readBigUInt64LE(40)}`),
    at(48, 32, 'previous hash: SHA-256("quorate transaction log v1" ‖ database id)'),
    at(80, 4, 'CRC-32 of bytes 0 to 79'),
    '   84  00 …                                             zeros up to 4095',
    at(4096, 4, 'frame marker'),
    at(4100, 4, 'CRC-32 of the frame from byte 4104 on, started with (checksum of the header XOR 4096)'),
    at(4104, 4, `payload length ${file.readUInt32LE(4104)}`),
    at(4108, 4, `record count ${file.readUInt32LE(4108)}`),
    at(4112, 8, `first txId ${file.readBigUInt64LE(4112)}`),
    at(4120, 4, `record size ${file.readUInt32LE(4120)}`),
    at(4124, 8, `txId ${file.readBigUInt64LE(4124)}`),
    at(4132, 8, `term ${file.readBigUInt64LE(4132)}`),
    at(4140, 6, `time: ${new Date(file.readUIntLE(4140, 6)).toISOString()}`),
    at(4146, 2, `time counter ${file.readUInt16LE(4146)}`),
    at(4148, 8, 'origin'),
    at(4156, 8, 'schema hash'),
    at(4164, 4, `operations length ${operationsLength}`),
    at(
      4168,
      operationsLength,
      `operations: "${file.toString('latin1', 4168, hashOffset)}" (real ones are in the format of the sqlite layer)`,
    ),
    at(hashOffset, 32, `hash: SHA-256(bytes 48 to 79 ‖ bytes 4120 to ${hashOffset - 1})`),
    at(hashOffset + 32, 4, 'marker of the next frame …'),
  ];
  return ['```text', ...lines, '```'].join('\n');
}

const exampleMarks = { begin: '<!-- example: begin -->', end: '<!-- example: end -->' };

/** The text of the page with the example put in place. */
export function withExample(page: string, example: string): string {
  const start = page.indexOf(exampleMarks.begin) + exampleMarks.begin.length;
  return `${page.slice(0, start)}\n${example}\n${page.slice(page.indexOf(exampleMarks.end))}`;
}
