import h from '../libs/dom';
import {getDisplayName} from '../libs/ReportUtils';
import {getOptionData} from '../libs/SidebarUtils';
import en from '../languages/en';
import ReportScreen from './ReportScreen';

/** The list of chats, and the open chat beside it. */
export default class HomePage {
    constructor({email, reports}) {
        this.login = getDisplayName(email);
        this.reports = reports;
        this.offline = h('p', {class: 'offline', role: 'status'}, en.offline);
        this.links = h('div', {role: 'list', 'aria-label': en.chats});
        this.screen = h('main');
        this.element = h('div', {class: 'home'}, h('nav', {}, this.offline, this.links), this.screen);
        this.drawLinks();
    }

    setOnline(isOnline) {
        this.offline.hidden = isOnline;
    }

    drawLinks() {
        this.links.replaceChildren(...this.reports.map((report) => this.link(report)));
    }

    link(report) {
        const {reportID, title, preview} = getOptionData(report);
        return h(
            'button',
            {
                'data-testid': reportID,
                'aria-label': title,
                'aria-current': String(reportID === this.openReportID),
                onclick: () => this.open(report),
            },
            h('div', {class: 'title'}, title),
            h('div', {class: 'preview', 'data-testid': `preview-${reportID}`}, preview),
        );
    }

    open(report) {
        this.openReportID = report.reportID;
        this.screen.replaceChildren(new ReportScreen(report, this.login, () => this.drawLinks()).element);
        this.drawLinks();
    }
}
