// Verifies a bundle with sigstore's own verifier, by the key in a PEM file, and prints what it says.
//
//     sigstore.js NODE_MODULES BUNDLE KEY
const { createPublicKey } = require('node:crypto');
const { readFileSync } = require('node:fs');
const [modules, bundle, key] = process.argv.slice(2);
const load = (name) => require(`${modules}/@sigstore/${name}`);
const { bundleFromJSON } = load('bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = load('verify');

const publicKey = createPublicKey(readFileSync(key));
const known = toTrustMaterial(
  { certificateAuthorities: [], ctlogs: [], mediaType: '', timestampAuthorities: [], tlogs: [] },
  () => ({ publicKey, validFor: () => true })
);
const verifier = new Verifier(known, { ctlogThreshold: 0, timestampThreshold: 0, tlogThreshold: 0, tsaThreshold: 0 });
try {
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(readFileSync(bundle, 'utf8')))));
  console.log('holds');
} catch (error) {
  console.log(`refused: ${error.code ?? error.message}`);
}
