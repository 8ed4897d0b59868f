import ExpensiMark from 'expensify-common/dist/ExpensiMark';

/** The one parser of the app: Markdown to HTML and back. */
export default new ExpensiMark();
