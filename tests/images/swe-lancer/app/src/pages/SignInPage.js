import request from '../libs/API';
import h from '../libs/dom';
import en from '../languages/en';

/** Asks for the e-mail address, then for the code sent to it. */
export default class SignInPage {
    constructor(onSignIn) {
        this.onSignIn = onSignIn;
        this.error = h('p', {role: 'alert'});
        this.element = h('form', {class: 'sign-in', onsubmit: (event) => this.submit(event)});
        this.showLogin();
    }

    showLogin() {
        this.login = h('input', {type: 'email', 'data-testid': 'username', 'aria-label': en.emailOrPhone, required: ''});
        this.element.replaceChildren(this.login, h('button', {}, en.continue), this.error);
    }

    showCode() {
        this.code = h('input', {'data-testid': 'validateCode', 'aria-label': en.magicCode, inputmode: 'numeric', required: ''});
        this.element.replaceChildren(this.code, h('button', {}, en.signIn), this.error);
        this.code.focus();
    }

    async submit(event) {
        event.preventDefault();
        this.error.textContent = '';
        try {
            if (this.code) {
                await request('SigninUser', {email: this.login.value, validateCode: this.code.value});
                this.onSignIn(await request('OpenApp', {email: this.login.value}));
            } else {
                await request('BeginSignIn', {email: this.login.value});
                this.showCode();
            }
        } catch {
            this.error.textContent = en.requestFailed;
        }
    }
}
