// SPDX-License-Identifier: MIT
//
// Drives a running service by its own description: drive.mjs SOCKET KNOWN.json. TAP.
//
// KNOWN.json holds values for parameters by name (incident's id, batch number, ...). Generic validators judge: the
// description against the OpenAPI meta-schema, every answer against the schema that the description promises. Each GET
// is asked; each operation is asked with names that nobody has and with a body that nobody wants, and must answer by a
// problem. Nothing is changed.
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const [socketPath, knownFile] = process.argv.slice(2);
const known = JSON.parse(readFileSync(knownFile));
let n = 0;
function verdict(title, trouble) {
    n += 1;
    console.log(`${trouble.length ? 'not ok' : 'ok'} ${n} - ${title}`);
    for (const line of trouble) console.log(`# ${line}`);
}

function ask(method, path, body, type) {
    return new Promise((resolve, reject) => {
        const headers = body === undefined ? {} : { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) };
        const request = http.request({ socketPath, method, path, headers }, (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('error', reject);
            answer.on('end', () => resolve({ status: answer.statusCode, type: answer.headers['content-type'] ?? '',
                body: Buffer.concat(parts) }));
        });
        request.on('error', reject);
        request.end(body);
    });
}

const described = await ask('GET', '/v1/openapi.json');
const document = JSON.parse(described.body);
const meta = await new Validator().validate(JSON.parse(described.body));
verdict('the description is OpenAPI', meta.valid ? [] : [JSON.stringify(meta.errors)]);

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default ? addFormats.default(ajv) : addFormats(ajv);
ajv.addSchema({ $id: 'api', components: document.components });
function judge(schema, body) {
    const fits = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')));
    return fits(body) ? [] : fits.errors.map((e) => `${e.instancePath || '/'} ${e.message}`);
}
function json(answer) {
    try { return JSON.parse(answer.body); } catch (why) { return why; }
}
function problem(answer) {
    if (!answer.type.startsWith('application/problem+json')) return [`${answer.status} as ${answer.type}`];
    return judge({ $ref: '#/components/schemas/Problem' }, json(answer));
}
const media = (answer) => answer.type.split(';')[0];

// Every way to fill in a path that KNOWN has values for; a list of values stands for one request each.
function* filled(path, values) {
    const name = /{(\w+)}/.exec(path)?.[1];
    if (name === undefined) { yield path; return; }
    for (const value of [values(name, path)].flat()) yield* filled(path.replace(`{${name}}`, value), values);
}
const here = (name, path) => known[`${path.split('/')[2]}.${name}`] ?? known[name];

for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
        if (method !== 'get') continue;
        const query = (operation.parameters ?? []).filter((p) => p.in === 'query' && p.required)
            .map((p) => `${p.name}=${here(p.name, path)}`).join('&');
        const trouble = [];
        for (const where of filled(path, here)) {
            const answer = await ask('GET', query ? `${where}?${query}` : where);
            const promised = operation.responses[answer.status];
            if (promised === undefined) {
                trouble.push(`${where}: ${answer.status} is not described`);
            } else if (answer.status !== 200) {
                trouble.push(...problem(answer).map((t) => `${where}: ${t}`));
            } else if (promised.content === undefined) {
                trouble.push(`${where}: what 200 brings is not described`);
            } else if (promised.content[media(answer)] === undefined) {
                trouble.push(`${where}: ${media(answer)} is not described`);
            } else if (media(answer) === 'application/json' && path !== '/v1/openapi.json') {
                const { schema } = promised.content['application/json'];
                trouble.push(...(schema ? judge(schema, json(answer)) : ['no schema']).map((t) => `${where}: ${t}`));
            }
        }
        verdict(`GET ${path} answers as described`, trouble);
    }
}

// Names of the right form that nobody has: a 4xx and a problem, whatever the method.
const nobody = { eui: '00000000000000FF', n: '9999', sha256: '0'.repeat(64), list: 'events' };
for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
        const wants = operation.requestBody?.content;
        if (method === 'get' ? !path.includes('{') : wants?.['application/json'] === undefined) continue;
        const [where] = filled(path, (name) => nobody[name] ?? 'nobody');
        const answer = method === 'get' ? await ask('GET', where)
            : await ask(method.toUpperCase(), where, '{"no-such-member":1}', 'application/json');
        const trouble = answer.status >= 400 && answer.status < 500 ? problem(answer)
            : [`${answer.status} ${answer.body.toString().slice(0, 200)}`];
        verdict(`${method.toUpperCase()} ${path} says no by a problem`, trouble);
    }
}
console.log(`1..${n}`);
