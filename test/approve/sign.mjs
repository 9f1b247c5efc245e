// SPDX-License-Identifier: MIT
// sign.mjs ORDER DOCUMENT CERT.pem KEY.pk8.pem OUT.der: one approval by pkijs. ORDER: how its signed
// attributes stand - sorted as DER wants, or unsorted, as pkijs takes them from whoever calls it.
import { readFileSync, writeFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';

const [order, documentFile, certFile, keyFile, out] = process.argv.slice(2);
pkijs.setEngine('node', new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto }));

function der(file) {
    const base64 = readFileSync(file, 'latin1').replace(/-----[^-]*-----|\s/g, '');
    return Uint8Array.from(Buffer.from(base64, 'base64')).buffer;
}

const content = Uint8Array.from(readFileSync(documentFile)).buffer;
const certificate = pkijs.Certificate.fromBER(der(certFile));
const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const key = await webcrypto.subtle.importKey('pkcs8', der(keyFile), algorithm, false, ['sign']);
const attributes = [
    new pkijs.Attribute({ type: '1.2.840.113549.1.9.3', values: [new asn1js.ObjectIdentifier({ value: '1.2.840.113549.1.7.1' })] }),
    new pkijs.Attribute({ type: '1.2.840.113549.1.9.5', values: [new asn1js.UTCTime({ valueDate: new Date() })] }),
    new pkijs.Attribute({ type: '1.2.840.113549.1.9.4',
        values: [new asn1js.OctetString({ valueHex: await webcrypto.subtle.digest('SHA-256', content) })] }),
];
if (order === 'unsorted') attributes.reverse();
const signed = new pkijs.SignedData({
    version: 1,
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: '1.2.840.113549.1.7.1',
        eContent: new asn1js.OctetString({ valueHex: content }) }),
    signerInfos: [new pkijs.SignerInfo({
        version: 1,
        sid: new pkijs.IssuerAndSerialNumber({ issuer: certificate.issuer, serialNumber: certificate.serialNumber }),
        signedAttrs: new pkijs.SignedAndUnsignedAttributes({ type: 0, attributes }),
    })],
    certificates: [certificate],
});
await signed.sign(key, 0, 'SHA-256');
const message = new pkijs.ContentInfo({ contentType: '1.2.840.113549.1.7.2', content: signed.toSchema(true) });
writeFileSync(out, Buffer.from(message.toSchema().toBER(false)));
