// SPDX-License-Identifier: MIT
//
// Looks at pages in a real browser: look.mjs CHROMIUM PICTURES PAGE.html... TAP.
//
// A page is a file that needs nothing else: no request leaves it, nothing is said on the console. Held against the
// rules of axe-core on a screen 1280 wide, on a narrow one and as it prints, and against html-validate; nothing is
// wider than its screen or its paper. PICTURES gets NAME-1280.png, NAME-a4.png, NAME.pdf.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { HtmlValidate } from 'html-validate';

const [executablePath, pictures, ...pages] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const html = new HtmlValidate({ extends: ['html-validate:recommended'], rules: { 'no-inline-style': 'off', 'long-title': 'off' } });
const A4 = { width: 794, height: 1123 }; // at 96 to the inch
let n = 0;
function verdict(title, trouble) {
    n += 1;
    console.log(`${trouble.length ? 'not ok' : 'ok'} ${n} - ${title}`);
    for (const line of trouble.slice(0, 12)) console.log(`# ${line.replace(/\s+/g, ' ')}`);
}

async function judged(page) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    return found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes[0].html.slice(0, 160)}`);
}
// What sticks out on the right, with the chain of boxes that scroll by themselves left out.
async function overflow(page) {
    return page.evaluate(() => {
        const room = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= room) return [];
        const scrolls = (e) => e && e !== document.body && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
        return [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > room + 1 && !scrolls(e.parentElement))
            .slice(0, 5).map((e) => `${e.tagName} ${e.className} to ${Math.round(e.getBoundingClientRect().right)} of ${room}: ${e.textContent.slice(0, 60)}`);
    });
}
// Text that is too small to read: below 11 pixels as drawn, which a scaled chart may be.
async function small(page) {
    return page.evaluate(() => [...document.querySelectorAll('svg text')].filter((t) => {
        const scale = t.getScreenCTM()?.a ?? 1;
        return parseFloat(getComputedStyle(t).fontSize) * scale < 10.5;
    }).slice(0, 3).map((t) => `too small: ${t.textContent}`));
}

// What a bar says in words is what it draws, piece by piece, of its full length.
async function charts(page) {
    return page.evaluate(() => [...document.querySelectorAll('.bar svg')].flatMap((svg) => {
        const said = svg.getAttribute('aria-label').split(', ').slice(1).map((s) => Number.parseFloat(s.replaceAll(',', ''))).filter((x) => x >= 0);
        const drawn = [...svg.querySelectorAll('rect')].map((r) => Number(r.getAttribute('width')));
        const full = Number(svg.dataset.full.replaceAll(',', ''));
        const bad = drawn.length !== said.length || drawn.some((w, i) => Math.abs(w - said[i] * 1000 / full) > 0.5);
        return bad ? [`${svg.getAttribute('aria-label')}: drawn as ${drawn.join(', ')}`] : [];
    }));
}
// A page that follows shows what its file says next.
async function follows(page, file) {
    const was = readFileSync(file, 'utf8');
    await page.goto('about:blank');
    await page.goto(pathToFileURL(resolve(file)).href);
    writeFileSync(file, was.replace(/<h1>.*<\/h1>/, '<h1>The next step</h1>'));
    const heard = await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'The next step', null, { timeout: 20000 }).then(() => [], (why) => [String(why)]);
    writeFileSync(file, was);
    return heard;
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
for (const file of pages) {
    const name = basename(file, '.html');
    const report = await html.validateFile(file);
    verdict(`${name}: HTML as it should be`, report.results.flatMap((r) => r.messages.map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`)));
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    const said = [];
    page.on('console', (m) => said.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => said.push(String(e)));
    page.on('request', (r) => { if (r.url().split('#')[0] !== pathToFileURL(resolve(file)).href) said.push(`asks for ${r.url()}`); });
    await page.goto(`${pathToFileURL(resolve(file)).href}#stay`); // what follows by itself stays while it is looked at
    verdict(`${name}: at 1280, axe-core finds nothing`, await judged(page));
    verdict(`${name}: each bar is as long as it says`, await charts(page));
    verdict(`${name}: at 1280, all fits and can be read`, [...await overflow(page), ...await small(page)]);
    await page.screenshot({ path: `${pictures}/${name}-1280.png`, fullPage: true });
    await page.setViewportSize({ width: 390, height: 844 });
    verdict(`${name}: at 390, all fits`, await overflow(page));
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize(A4);
    verdict(`${name}: on A4, axe-core finds nothing, all fits and can be read`, [...await judged(page), ...await overflow(page), ...await small(page)]);
    await page.screenshot({ path: `${pictures}/${name}-a4.png`, fullPage: true });
    await page.pdf({ path: `${pictures}/${name}.pdf`, format: 'A4', preferCSSPageSize: true, printBackground: true });
    verdict(`${name}: it asks for nothing and has nothing to complain of`, said);
    await page.emulateMedia({ media: 'screen' });
    if (await page.$('#follow')) verdict(`${name}: it follows`, await follows(page, file));
    await context.close();
}
await browser.close();
console.log(`1..${n}`);
