// SPDX-License-Identifier: MIT
//
// Looks at pages in a real browser: look.mjs CHROMIUM PICTURES PAGE.html... TAP.
//
// A page is a file that needs nothing else: no request leaves it, nothing is said on the console. Held against the
// rules of axe-core on a screen 1280 wide, on a narrow one and as it prints, and against html-validate; nothing is
// wider than its screen or its paper, or cut; text has the sizes below. PICTURES gets NAME-1280.png, NAME-a4.png, NAME.pdf,
// and NAME.json: what its bars draw, [{"name","full","parts":{words: number}}].
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { HtmlValidate } from 'html-validate';

const [executablePath, pictures, ...pages] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const html = new HtmlValidate({ extends: ['html-validate:recommended'], rules: { 'no-inline-style': 'off', 'long-title': 'off' } });
const SCREEN_PX = 12, PAPER_PX = 8 * 96 / 72; // the smallest text: 12 pixels on a screen, 8 points on paper
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
// Text that is too small to read, as drawn: a scaled chart counts with its scale.
async function small(page, least) {
    return page.evaluate((px) => {
        const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walk.nextNode(); node; node = walk.nextNode()) {
            const e = node.parentElement, scale = e.getScreenCTM?.()?.a ?? 1, size = parseFloat(getComputedStyle(e).fontSize) * scale;
            if (/\b(null|undefined|NaN)\b/.test(node.textContent)) found.push(`no word for a person: ${node.textContent.trim().slice(0, 60)}`);
            if (node.textContent.trim() && e.getClientRects().length && size < px - 0.01) found.push(`${size.toFixed(1)} px: ${e.tagName} ${node.textContent.trim().slice(0, 60)}`);
        }
        return found;
    }, least);
}
// Text that is there and not seen: outside of its drawing, or of a box that does not show what is too long for it.
async function cut(page) {
    return page.evaluate(() => {
        const out = (e, box) => { const r = e.getBoundingClientRect(), b = box.getBoundingClientRect(); return r.left < b.left - 1 || r.right > b.right + 1 || r.top < b.top - 1 || r.bottom > b.bottom + 1; };
        return [...[...document.querySelectorAll('svg text')].filter((t) => out(t, t.ownerSVGElement)),
            ...[...document.body.querySelectorAll('*')].filter((e) => getComputedStyle(e).overflowX !== 'visible' && !e.ownerSVGElement && e.scrollWidth > e.clientWidth + 1)]
            .map((e) => `cut: ${e.tagName} ${e.textContent.trim().slice(0, 60)}`);
    });
}

// The bars, as they are drawn: pieces in units of the bar's full length, by what its words call them.
async function bars(page) {
    return page.evaluate(() => [...document.querySelectorAll('.bar svg')].map((svg) => {
        const [name, ...said] = svg.getAttribute('aria-label').split(/, (?=\d)/), full = Number(svg.dataset.full.replaceAll(',', ''));
        const drawn = [...svg.querySelectorAll('rect')].map((r) => Number(r.getAttribute('width')) * full / 1000);
        const parts = said.map((words, i) => [words.replace(/^[\d.,]+ /, ''), Number.parseFloat(words.replaceAll(',', '')), drawn[i]]);
        return { name, full, parts: Object.fromEntries(parts.map(([words, n]) => [words, n])),
            wrong: drawn.length !== said.length || parts.some(([, n, d]) => Math.abs(n - d) > full / 2000) };
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
    const drawn = await bars(page);
    verdict(`${name}: each bar is as long as it says`, drawn.filter((bar) => bar.wrong).map((bar) => JSON.stringify(bar)));
    writeFileSync(`${pictures}/${name}.json`, JSON.stringify(drawn));
    verdict(`${name}: at 1280, all fits and can be read`, [...await overflow(page), ...await cut(page), ...await small(page, SCREEN_PX)]);
    await page.screenshot({ path: `${pictures}/${name}-1280.png`, fullPage: true });
    await page.setViewportSize({ width: 390, height: 844 });
    verdict(`${name}: at 390, all fits`, await overflow(page));
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize(A4);
    verdict(`${name}: on A4, axe-core finds nothing, all fits and can be read`, [...await judged(page), ...await overflow(page), ...await cut(page), ...await small(page, PAPER_PX)]);
    await page.screenshot({ path: `${pictures}/${name}-a4.png`, fullPage: true });
    await page.pdf({ path: `${pictures}/${name}.pdf`, format: 'A4', preferCSSPageSize: true, printBackground: true });
    verdict(`${name}: it asks for nothing and has nothing to complain of`, said);
    await page.emulateMedia({ media: 'screen' });
    if (await page.$('#follow')) verdict(`${name}: it follows`, await follows(page, file));
    await context.close();
}
await browser.close();
console.log(`1..${n}`);
