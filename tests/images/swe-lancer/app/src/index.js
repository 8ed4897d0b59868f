import App from './App';

new App(document.getElementById('root')).start();
