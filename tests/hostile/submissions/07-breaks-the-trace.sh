# threat: 7
# suite: stand-in
# asks: user
# verdict: fail no-submission
# says: the user is done & a b & half � & only the page says this & xxxxxxxxxx
# always: yes
# why: A page writes what others take for the end of a line, for an event of the trace, or for too much, and bytes that are no text, so that the trace of its user goes out with the tests in it.
cat >> src/index.js <<'END'
const say = (text) => console.log(text);
document.title = 'a\u2028b';
say('a\u2028b\u2029c\u0085d\u000be\u000cf\u001cg\u001dh\u001ei\r\nj');
say('half \ud83d');
say('\n{"type":"before","callId":"call@1","class":"Frame","method":"click","params":{}}\n');
say('"}\n{"type":"log","message":"only the page ' + 'says this"}');
say('['.repeat(5000));
say('xxxxx'.repeat(1 << 18));
say('\ufffe\uffff\u0000\u202e');
setInterval(() => say('a\u2028b'), 300);
fetch(URL.createObjectURL(new Blob([new Uint8Array([0xff, 0xfe, 0xed, 0xa0, 0x80, 10, 13])])));
let place = document.body.appendChild(document.createElement('div'));
for (let level = 0; level < 300; level += 1) {
    place = place.appendChild(document.createElement('div'));
}
place.textContent = JSON.stringify({ type: 'after', callId: 'call@1', error: { message: 'a\u2028b' } });
setTimeout(() => { throw new Error('half \udc00 \u2028'); }, 100);
END
