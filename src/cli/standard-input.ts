import process from 'node:process';

/** All of standard input as text. */
export async function readStandardInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk);
  }
  return text;
}
