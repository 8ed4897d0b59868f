# threat: 13
# suite: web-chat
# task: edit-drops-brackets
# gold: yes
# says: see you at noon \ud83d
# verdict: pass tests-passed
# always: yes
# why: A right answer logs and throws texts that end in half an emoji, which no UTF-8 can hold. Whoever writes down what a page says has to get over it.
cat >> public/js/app.js <<'END'
console.log('the first sixteen units of the draft: ' + 'see you at noon \u{1f600}'.slice(0, 17));
setTimeout(() => { throw new Error('thrown: ' + '\u{1f600}'.slice(0, 1)); });
END
