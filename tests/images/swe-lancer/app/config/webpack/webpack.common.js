const path = require('path');
const {DefinePlugin} = require('webpack');

const root = path.resolve(__dirname, '../..');

/** What the bundle may read of the environment that webpack is started in. */
const VARIABLES = ['EXPENSIFY_URL', 'NEW_EXPENSIFY_URL', 'USE_WEB_PROXY', 'PUSHER_APP_KEY'];

module.exports = {
    entry: path.join(root, 'src/index.js'),
    output: {
        path: path.join(root, 'dist'),
        filename: 'main.bundle.js',
        publicPath: '/',
    },
    performance: {hints: false},
    plugins: [
        new DefinePlugin(
            Object.fromEntries(VARIABLES.map((name) => [`__ENVIRONMENT__.${name}`, JSON.stringify(process.env[name] ?? '')])),
        ),
    ],
};
