/** Ends with 0 when the node of this container lives, over HTTP or, when it has a certificate, over HTTPS. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import process from 'node:process';

const { QUORATE_HTTP_PORT: port = '3380', QUORATE_TLS_CERT: cert, QUORATE_TLS_KEY: key } = process.env;

// The connection stays inside the container, where the name in the certificate says nothing.
const secure = cert && key && { rejectUnauthorized: false, cert: readFileSync(cert), key: readFileSync(key) };
const { get } = secure ? https : http;
get({ host: '127.0.0.1', port, path: '/liveness', ...secure }, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1);
}).on('error', ({ message }) => {
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
