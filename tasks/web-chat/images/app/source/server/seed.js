// What a workspace holds when it is new.

export const people = [
  { id: 'mara', name: 'Mara Lind' },
  { id: 'jonas', name: 'Jonas Weber' },
  { id: 'priya', name: 'Priya Nair' },
  { id: 'tomas', name: 'Tomás Ortega' },
];

const everybody = people.map((person) => person.id);

export const chats = [
  {
    id: 'general',
    name: 'General',
    kind: 'group',
    members: everybody,
    messages: [
      ['jonas', 'Good morning! The new coffee machine is *finally* here.'],
      ['priya', 'It even makes tea, see https://intranet.example/kitchen'],
      ['mara', 'I will believe it when I have tasted it.'],
    ],
    unread: { tomas: 2 },
  },
  {
    id: 'design',
    name: 'Design',
    kind: 'group',
    members: ['mara', 'jonas', 'priya'],
    messages: [
      ['mara', 'The colours for the sidebar are in the shared folder.'],
      ['jonas', 'Looks good. Could the _active_ row be a little darker?'],
      ['priya', 'I would also make the badge larger.'],
    ],
    unread: { mara: 2 },
  },
  {
    id: 'release',
    name: 'Release 1.5',
    kind: 'group',
    members: everybody,
    messages: [
      ['tomas', 'Code freeze is on Thursday.'],
      ['jonas', 'The upgrade notes are still missing: `docs/upgrade.md`'],
      ['tomas', 'I will write them tomorrow.'],
    ],
    unread: { priya: 1 },
  },
  {
    id: 'mara-jonas',
    kind: 'direct',
    members: ['mara', 'jonas'],
    messages: [
      ['jonas', 'Do you have five minutes after lunch?'],
      ['mara', 'Sure, come over.'],
    ],
    unread: {},
  },
  {
    id: 'mara-priya',
    kind: 'direct',
    members: ['mara', 'priya'],
    messages: [
      ['mara', 'Thank you for the review!'],
      ['priya', 'You are welcome.'],
    ],
    unread: {},
  },
  {
    id: 'jonas-tomas',
    kind: 'direct',
    members: ['jonas', 'tomas'],
    messages: [['tomas', 'Lunch?']],
    unread: { jonas: 1 },
  },
];
