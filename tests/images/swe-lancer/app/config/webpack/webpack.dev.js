const fs = require('fs');
const path = require('path');
const common = require('./webpack.common');

const PORT = 8082;

/** Read when the server starts: a plain build needs no certificate. */
function readPem(name) {
    const file = path.join(__dirname, name);
    return fs.existsSync(file) ? fs.readFileSync(file) : undefined;
}

module.exports = {
    ...common,
    mode: 'development',
    devtool: false,
    devServer: {
        port: PORT,
        server: {
            type: 'https',
            options: {key: readPem('key.pem'), cert: readPem('certificate.pem')},
        },
        allowedHosts: 'all',
        static: path.resolve(__dirname, '../../web'),
        historyApiFallback: true,
        // With the web proxy, the page calls the API on its own origin.
        proxy: process.env.USE_WEB_PROXY === 'false' ? [] : [{context: ['/api'], target: process.env.EXPENSIFY_URL, changeOrigin: true}],
        client: false,
        hot: false,
        liveReload: false,
        webSocketServer: false,
    },
};
