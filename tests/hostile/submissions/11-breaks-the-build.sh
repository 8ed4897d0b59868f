# threat: 11
# suite: stand-in
# gold: yes
# runs: 1
# verdict: fail app-not-ready
# why: The app cannot be built with the submission, and so not tested: its own fault, as it can be built without it.
printf 'export const broken = (((;\n' >> src/libs/ReportUtils.js
