# threat: 15
# suite: web-chat
# gold: yes
# verdict: fail app-not-ready
# why: The app is up and never ready: it accepts connections, and answers none.
cat > server/main.js <<'END'
import net from 'node:net';
net.createServer(() => {}).listen(8080, '0.0.0.0');
END
