# threat: 12
# suite: web-chat
# verdict: fail app-not-ready
# why: The app takes every process that its container may have before it is asked whether it is ready.
cat > server/main.js <<'END'
import { spawn } from 'node:child_process';
setInterval(() => {
    try { spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).on('error', () => {}); } catch {}
}, 2);
END
