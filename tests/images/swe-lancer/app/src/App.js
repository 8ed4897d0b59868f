import connect from './libs/Pusher';
import HomePage from './pages/HomePage';
import SignInPage from './pages/SignInPage';

/** Shows the sign-in page, then the chats. */
export default class App {
    constructor(root) {
        this.root = root;
    }

    start() {
        this.root.replaceChildren(new SignInPage((account) => this.signedIn(account)).element);
    }

    signedIn(account) {
        const home = new HomePage(account);
        this.root.replaceChildren(home.element);
        connect((isOnline) => home.setOnline(isOnline));
    }
}
