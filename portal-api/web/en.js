// Every text of the pages, in English. Another language is another such file.
const count = (number, one, many) => `${number.toLocaleString('en-GB')} ${number === 1 ? one : many}`;

export const t = {
  name: 'Firstring',
  manufacturer: 'Manufacturer',
  none: '–',
  yes: 'yes',
  no: 'no',
  actions: 'Actions',
  cancel: 'Cancel',
  close: 'Close',
  save: 'Save',
  saved: 'Saved.',
  change: 'Change',
  changeWhom: (name) => `Change ${name}`,
  remove: 'Remove',
  changed: 'Changed',
  created: 'Created',
  copy: 'Copy',
  copied: 'Copied',
  copyWhat: (what) => `Copy: ${what}`,
  copiedWhat: (what) => `Copied: ${what}`,
  copyYourself: 'The browser does not let this page copy. It is selected: press Ctrl+C, or ⌘C.',
  once: 'It is shown only now. Copy it to where it is needed.',
  onceKept: 'I have copied it',
  download: 'Download CSV',
  more: 'Show more',
  moreShown: (number) => `${count(number, 'row', 'rows')} added.`,
  refresh: 'Refresh',
  loading: 'Loading…',
  again: 'Try again',
  missing: 'Please fill this in.',
  ofLine: (line) => `Line ${line}:`,
  time: { now: 'just now' },
  notAllowed: { title: 'This is not for you', text: 'Your role does not allow this. Whoever manages people in your company can change that.' },
  notFound: { title: 'There is no such page', text: 'The address may have been typed wrongly. The navigation shows what there is.' },

  nav: {
    menu: 'Menu', label: 'Pages', skip: 'Skip to the page', account: 'Your account', signOut: 'Sign out', settings: 'Settings', factory: 'Factory', watch: 'Watch',
    phones: 'Phones', jobs: 'Upload a list', profiles: 'Profiles', events: 'Events', transfers: 'Transfers', tokens: 'API tokens', users: 'People', webhooks: 'Webhooks', shipped: 'Shipped to you',
    devices: 'Phones', itsps: 'ITSPs', shipments: 'Ship notices', orders: 'Orders', models: 'Models', security: 'Security events', audit: 'Audit log',
  },

  roles: { owner: 'Owner', engineer: 'Engineer', support: 'Support', read_only: 'Read only', administrator: 'Administrator', auditor: 'Auditor' },
  roleTexts: {
    owner: 'everything, people and tokens included', engineer: 'phones, profiles, events', support: 'looks, and reveals passwords',
    read_only: 'looks only', administrator: 'everything', auditor: 'looks at everything, changes nothing',
  },
  scopes: {
    'claims:read': 'See phones', 'claims:write': 'Claim, change and release phones', 'claims:reveal': 'Reveal admin passwords', 'profiles:write': 'Change profiles',
    'events:read': 'Read events', 'tokens:write': 'Manage tokens', 'admin:read': 'See everything', 'admin:write': 'Change everything',
  },

  gate: {
    signIn: 'Sign in', signInText: 'Welcome back.', email: 'Email address', password: 'Password', help: 'No password, or a lost one? Whoever manages people in your company can hand you a new link.',
    ended: 'You were signed out after a while without activity. Please sign in again.', signedOut: 'You are signed out.',
    code: 'One more step', codeText: 'Enter the code that your authenticator shows.', codeLabel: 'Six-digit code', codeHint: 'Lost the authenticator? A recovery code works too, once.', back: 'Back',
    linkGone: 'This link does not work any more', linkGoneText: 'It was used already, replaced by a newer one, or is too old. Ask for a new one.', toSignIn: 'To sign-in',
    welcome: (name) => `Welcome, ${name}`, welcomeText: 'Choose the password with which you will sign in.', setPassword: 'Set password', newPassword: 'New password', passwordAgain: 'The same again',
    passwordHint: '12 characters or more. A few words in a row are good.', notTheSame: 'The two are not the same.', passwordSet: 'Your password is set. Sign in with it now.',
    factor: 'Set up a second factor', factorText: 'Besides the password, signing in takes a code from an authenticator on your phone. It keeps others out even if they learn your password.',
    yourPassword: 'Your password', yourPasswordHint: 'Once more, to be sure that it is you.', next: 'Continue', scan: 'Scan this with an authenticator, such as the one built into your phone.',
    qr: 'QR code with the key for your authenticator', cannotScan: 'I cannot scan it', key: 'Key for the authenticator', typeCode: 'Then type the code that it shows.', confirm: 'Confirm',
    recovery: 'Keep your recovery codes', recoveryText: 'Each of them signs you in once if you lose the authenticator. They are shown only now: print them or keep them in a password manager.',
    allCodes: 'All recovery codes', codesKept: 'I have kept them',
  },

  account: {
    title: 'Your account', text: 'Your own password and second factor.', you: 'You', until: 'Signed in until', password: 'Password', passwordText: 'Changing it signs you out everywhere else.',
    current: 'Present password', changePassword: 'Change password', passwordChanged: 'Your password is changed.', factor: 'Second factor', since: 'Set up', codes: 'Recovery codes left',
    noFactor: 'You have no second factor.', fewCodes: 'You are running out of recovery codes. Setting up the second factor anew makes new ones.',
    factorText: 'A new phone, or codes used up? Set it up anew; the old one stops working.',
  },

  phones: {
    title: 'Phones', text: 'The phones that you hold, and how far each has come.', search: 'Search', searchHint: 'MAC, its beginning, or a serial number', find: 'Find',
    mac: 'MAC', model: 'Model', serial: 'Serial number', profile: 'Profile', stateName: 'State', seen: 'Last seen', claimed: 'Claimed', anyState: 'Any', anyProfile: 'Any',
    claimOne: 'Claim a phone', upload: 'Upload a list', showAll: 'Show all phones',
    noneFound: 'No phone fits', noneFoundText: 'Nothing that you hold fits this search. Try the beginning of a MAC, or another state.',
    noneYet: 'No phones yet', noneYetText: 'Claim a phone with the code on its label, or upload a list of many. Once it is plugged in anywhere, it finds its way to your servers by itself.',
    choose: (mac) => `Choose ${mac}`, chosen: (number) => `${count(number, 'phone', 'phones')} chosen`, chooseAll: 'Choose all shown', chooseNone: 'Choose none',
    release: 'Release', releaseAsk: (number) => `Release ${count(number, 'phone', 'phones')}? Somebody else can claim ${number === 1 ? 'it' : 'them'} then.`, andMore: (number) => `and ${number.toLocaleString('en-GB')} more.`,
    releaseYes: (number) => `Release ${count(number, 'phone', 'phones')}`, released: (number) => `${count(number, 'phone is', 'phones are')} released.`, notAllReleased: 'Some were not yours any more',
    state: { waiting: 'Waiting for it', contacted: 'Seen', delivered: 'Delivered', suspended: 'Suspended', early: 'Came too early' },
  },

  claim: {
    title: 'Claim a phone', text: 'The MAC and the claim code stand on the label of the box.', macHint: 'Any spelling.', code: 'Claim code',
    codeHint: 'Leave it empty where the manufacturer has told us that the phone was shipped to you.', profileHint: 'Where the phone is sent.', send: 'Claim',
    noProfile: 'A profile comes first', noProfileText: 'A profile says where phones are sent. Make one, then claim phones for it.',
    elsewhere: 'Another provider still holds this phone', elsewhereText: 'Your code is right. If the phone was sold on, ask for its transfer: the present holder is asked, and need not answer for ever.',
  },

  shipped: {
    title: 'Shipped to you', text: 'Phones that the manufacturer has shipped to you. They are claimed without a code.', none: 'Nothing here', noneText: 'When the manufacturer tells us of phones shipped to you, they are listed here.', look: 'Look', claim: (number) => `Claim ${count(number, 'phone', 'phones')}`,
  },

  phone: {
    back: 'All phones', about: 'About', delivered: 'Delivered', deeds: 'What you can do', life: 'Its life so far', noLife: 'Nothing has happened yet.',
    waiting: 'The phone has not been here yet', waitingText: 'It comes by itself when it is plugged in. Is it plugged in already? Restart it, or reset it to factory settings if it was in use before.',
    early: 'The phone was here before you claimed it', earlyText: 'It was turned away then and may not ask again soon. Restart it now.',
    suspended: 'Suspended', suspendedText: 'The phone is answered as if nobody held it.',
    password: 'Admin password', passwordNotYours: 'Your role does not reveal passwords.', user: 'User', reveal: 'Reveal password', revealText: (mac) => `The admin password of ${mac} will be shown on this screen.`,
    revealAudit: 'That you looked is written to the audit log.', revealYes: 'Reveal', revealed: 'The password is shown.', hide: 'Hide', deliveredPassword: 'The phone got this one', firstPassword: 'The phone will get this one when it comes.',
    noPassword: 'There is none: it was removed after the phone had it. Make a new one to know one again.', pendingPassword: 'The phone will get this one with its next answer:', pendingName: 'Next admin password',
    pending: 'A new password is waiting', pendingText: 'The phone gets it with its next answer. Waiting since', rotate: 'Make a new password', rotateText: 'The phone gets the new password with its next answer; until then the old one is in force.', rotateYes: 'Make a new one', rotated: 'A new password is waiting for the phone.',
    move: 'Move to another profile', moveHint: 'In force when the phone comes next.', moveYes: 'Move', rearm: 'Deliver again', rearmText: 'For phones whose answer is given only once, or only for a time.', rearmed: 'The phone will be answered again.',
    suspend: 'Suspend', suspendText: 'The phone gets no answer until you resume.', resume: 'Resume', resumeText: 'The phone is answered again.',
    release: 'Release', releaseText: 'You give the phone back; somebody else can claim it.', releaseAsk: (mac) => `Release ${mac}?`, releaseConsequence: 'From now on nothing here leads to your servers any more, and admin passwords are forgotten here.', released: 'The phone is released.',
    past: 'You do not hold this phone any more', pastText: 'This is its life until it left you.', notYours: 'You do not hold this phone', notYoursText: 'It is not among your phones, and never was.',
  },

  kinds: {
    manufactured: 'Made', imported: 'Put on record', shipped: 'Shipped to you', claimed: 'Claimed', contacted: 'Contacted us', delivered: 'Got its answer', staged: 'Got its new password', refused: 'Turned away', released: 'Released',
    certificate_recorded: 'Got its certificate', certificate_revoked: 'Certificate revoked', certificate_superseded: 'Certificate replaced', shipment_cancelled: 'Ship notice cancelled',
    transfer_requested: 'Transfer asked for', transfer_seen_reset: 'Seen after a factory reset', transfer_objected: 'Transfer objected to', transfer_done: 'Gone over', transfer_refused: 'Transfer refused', transfer_withdrawn: 'Transfer withdrawn', transfer_expired: 'Transfer expired',
    purged: 'Password forgotten here', password_changed: 'Password changed', suspended: 'Suspended', resumed: 'Resumed', transferred: 'Transferred', password_purged: 'Password forgotten here',
  },
  sources: { code: 'with its claim code', shipment: 'by ship notice', factory: 'at the factory', import: 'from a list', portal: 'on these pages', redirector: 'at the redirector', holder: 'by its holder', manufacturer: 'by the manufacturer', transfer: 'by a transfer' },
  detail: { source: 'how', source_ip: 'from', user_agent: 'says it is', profile: 'profile', reason: 'because', path: 'asked for', failures: 'failures', user_id: 'account', firmware: 'firmware' },

  jobs: {
    title: 'Upload a list', text: 'Many phones at once: drop a CSV of up to 100,000 rows.', notYours: 'The lists that your company has handed in. Your role does not claim phones.', one: 'A list of phones', another: 'All lists', progress: 'Progress',
    list: 'Lists so far', handedIn: 'Handed in', kind: 'What for', kinds: { check: 'To be checked', claim: 'To claim' }, ended: 'Ended', none: 'No lists yet', noneText: 'A list that you drop above is shown here, with its progress.',
    states: { going: 'Under way', failed: 'Failed', problems: 'Has problems', checked: 'Checked', done: 'Done', cancelled: 'Stopped' },
    cancel: 'Stop the list', cancelAsk: 'Rows that are done stay done; the others are not begun.', cancelYes: 'Stop it', cancelled: (done, total) => `Stopped after ${done.toLocaleString('en-GB')} of ${count(total, 'row', 'rows')}.`,
    cancelledWhole: 'No phone was claimed.', cancelledPart: 'Phones whose rows were done are yours.', rowsGone: 'The rows of this list are not kept any more: it ended more than 30 days ago.',
    away: (seconds) => `The portal cannot be asked at the moment; the list goes on there. Asking again in ${count(seconds, 'second', 'seconds')}…`,
    again: 'Choose the file again', againText: 'This page forgot your rows when it was loaded anew: claim codes are not kept. With the very rows that were checked at hand, the same file or the mended list that you saved, you can go on from here.',
    againOrType: 'This page forgot your rows when it was loaded anew. Choose the file again to have its codes here, or type them below.',
    otherFile: 'That is another file: its rows are not those of this list.', atHand: 'The rows are at hand again.',
    drop: 'Drop a CSV file here', dropText: 'or choose one from your computer', choose: 'Choose a file', reading: (name) => `Reading ${name}…`,
    dryRun: 'Only check it', dryRunHint: 'Tells what would happen and changes nothing.', atomic: 'All or nothing', atomicHint: 'If one row fails, no phone is claimed.',
    format: 'What the file looks like', formatText: 'One header line, then one line for each phone. The claim code may be empty for phones shipped to you.', formatMore: 'Spreadsheets that save semicolons are fine. A profile is named by its name or id.', exampleProfile: 'Office phones',
    progressText: (job) => {
      const done = `${job.done.toLocaleString('en-GB')} of ${count(job.total, 'row', 'rows')}`;
      const failed = job.failed > 0 ? `, ${job.failed.toLocaleString('en-GB')} with a problem` : '';
      const checked = `Checked: ${(job.done + job.prepared).toLocaleString('en-GB')} of ${count(job.total, 'row', 'rows')}${failed}.`;
      if (job.state === 'running' && job.prepared > 0) return job.done + job.prepared < job.total ? checked : `${checked} Now all at once…`;
      return { receiving: 'Receiving the list…', queued: `Waiting to begin: ${count(job.total, 'row', 'rows')}.` }[job.state] ?? `${job.dry_run ? 'Checked' : 'Done'}: ${done}${failed}.`;
    },
    failed: 'The list could not be carried out. Nothing was claimed.', allDone: (number) => `${count(number, 'phone is', 'phones are')} yours.`, allWouldDo: (number) => `All fine: ${count(number, 'phone', 'phones')} could be claimed.`,
    someFailed: (good, failed, dry) => `${count(good, 'row', 'rows')} ${dry ? 'would be' : good === 1 ? 'was' : 'were'} fine, ${count(failed, 'needs', 'need')} mending.`,
    goAlong: (number) => `${count(number, 'row that was', 'rows that were')} fine ${number === 1 ? 'goes' : 'go'} along.`,
    seePhones: 'See your phones', inEarnest: 'Claim them now', mend: 'Rows that failed', mendText: 'Mend them here and send them again. A row without a MAC is left out.', later: (shown, rest) => `The first ${shown} are shown; ${count(rest, 'more row comes', 'more rows come')} after these.`, line: 'Line', why: 'What is wrong', ofLine: (what, line) => `${what}, line ${line}`,
    sendMended: 'Claim', checkMended: 'Check again', saveMended: 'Save as a file', fileName: 'mended.csv',
  },

  profiles: {
    title: 'Profiles', text: 'Where phones are sent and how. A change is in force when a phone comes next.', back: 'All profiles', create: 'New profile', about: 'About', name: 'Name', url: 'Provisioning URL', none: 'No profiles yet', noneText: 'A profile names your provisioning server. Phones are claimed for a profile.',
    urlHint: (domains) => `https, on a host under: ${domains || 'no domain is approved for you yet'}. After the host, {mac}, {MAC}, {serial} and {model} stand for the phone’s.`,
    fallback: 'Fallback URLs', fallbackHint: 'One on each line; for phones that know fallbacks.', delivery: 'Delivery', deliveryHint: 'In two steps the phone changes its password before it is told of your server.', redelivery: 'Again', hours: 'Hours after claim or “deliver again”',
    deliveries: { direct: 'At once', staged: 'In two steps' }, redeliveries: { always: 'Whenever the phone asks', once: 'Once, until you deliver again', window: 'For some hours' },
    length: 'Length of passwords', lengthHint: '12 to 64 characters; empty: as the portal makes them.', purge: 'Forget the password once delivered', purgeHint: 'With “once” or “for some hours”: nobody can reveal it any more.', stageOne: 'First it gets', stageTwo: 'Then, when it comes back',
    anchors: 'Certificates that the phone should trust', anchorsHint: 'PEM; empty for the usual authorities.', changeText: 'A change is in force for all phones of this profile when they come next.', remove: 'Remove', removeText: (name) => `Remove the profile ${name}? Phones must not use it any more.`,
    preview: 'Preview', previewText: 'What a phone would get with what stands in the form now.', previewMac: 'MAC', previewMacHint: 'One of your phones, or any.', previewModelHint: 'For a phone that is not yours yet.',
    previewName: 'Preview', previewUrls: 'Where it is sent', previewAnswer: (model, format) => `The answer for ${model}, as “${format}” phones read it`, previewNone: 'Name one of your phones, or a model, and its whole answer is shown here.', previewNoMac: 'This is no MAC yet.',
    previewNoModel: 'There is no such model. It stands on the phone’s label.', previewNotYours: 'This is none of your phones. Name its model, and what it would get is shown here.',
    previewLater: 'The whole answer cannot be shown here at the moment.', previewWrong: 'The phone could not be given this',
    leftOut: { fallback_urls: 'Phones of this model know one URL only: they are not told the fallback URLs.', trust_anchors: 'Phones of this model cannot be told which certificates to trust: your server needs one of a usual authority.' },
  },

  events: { title: 'Events', text: 'What your phones did, the latest first. Programs read the same as a feed.', at: 'When', kind: 'What', from: 'From', detail: 'Details', none: 'No events yet', noneText: 'As soon as one of your phones comes, you see it here.' },

  tokens: {
    title: 'API tokens', text: 'For programs. A token does what its scopes say, until it expires or is revoked.', create: 'New token', name: 'Name', nameHint: 'What uses it, such as “provisioning server”.', scopes: 'It may', state: 'State', expires: 'Expires', never: 'Never', days: (number) => `In ${number} days`,
    live: 'Live', revoked: 'Revoked', expired: 'Expired', revoke: 'Revoke', revokeText: (name) => `Revoke ${name}? Whatever uses it stops working at once.`, none: 'No tokens yet', noneText: 'A program that claims phones for you needs one.', noScope: 'Choose at least one thing that it may do.',
    made: 'Your new token', one: 'Token', used: 'Last used', neverUsed: 'Never', replaced: 'Being replaced', revokeWhich: (name) => `Revoke ${name}`,
    rotate: 'Rotate', rotateWhich: (name) => `Rotate ${name}`, rotateText: 'A new token of the same scopes takes its place. Both work for a while, so that you can change over without a gap.',
    overlap: 'The old one works for', overlapHint: 'It expires then by itself.', overlaps: { 0: 'no longer at all', 3600: 'another hour', 86400: 'another day', 604800: 'another week', 2592000: 'another 30 days' }, oldUntil: 'The old one works until',
  },

  webhooks: {
    title: 'Webhooks', text: 'Your server hears of events as they happen: they are posted to it, signed.', back: 'All webhooks', one: 'A webhook', about: 'About', create: 'New webhook', change: 'Change it', url: 'URL', urlHint: 'https, on a host that the Internet reaches.',
    kinds: 'Events', kindsHint: 'None chosen: all events are posted.', all: 'All', state: 'State', live: 'Live', paused: 'Paused', failing: 'Failing', failed: 'Given up', none: 'No webhooks yet', noneText: 'With one, your server need not ask for events: it is told.',
    secretTitle: 'The webhook’s secret', secret: 'Secret', secretText: 'Your server checks with it that a post is ours: Firstring-Signature holds a time t and v1, the HMAC-SHA256 of “t.body” in hex.',
    failingSince: 'Failing since', next: 'Next try', failedTitle: 'Given up after a day', failedText: 'Your server took nothing for a day. Set it going again: it goes on where it was, and nothing is lost.', pausedTitle: 'Paused', pausedText: 'Events wait. Once resumed, it goes on where it was.',
    failingTitle: 'Your server does not take the posts', failingText: 'The same is posted again, later each time, for a day. What came of each try stands below.',
    posts: 'Posts', noPosts: 'Nothing was posted yet', noPostsText: 'Press “Send a test” to see whether your server hears.', result: 'Result', taken: 'Taken', notTaken: 'Not taken', carried: 'What', aTest: 'A test', events: (number) => count(number, 'event', 'events'), answer: 'Answer', took: 'Took', ms: (number) => `${number.toLocaleString('en-GB')} ms`,
    deeds: 'What you can do', test: 'Send a test', testText: 'One post without events.', testing: 'A test is on its way…', testTaken: (status) => `Your server took the test (${status}).`, testNotTaken: 'Your server did not take the test', testLate: 'The test has not come back yet. Refresh the posts in a moment.',
    pause: 'Pause', pauseText: 'Events wait until you resume.', resume: 'Resume', resumeText: 'It goes on where it was, at once.',
    replay: 'Replay', replayText: 'Posts again what your server has lost.', replayAsk: 'Everything since then is posted again, in order.', since: 'Since', noTime: 'Say since when.', replayed: 'It is posted again.',
    rotate: 'New secret', rotateText: 'The old one signs beside it for a day.', rotateAsk: 'For a day every post carries two signatures, of the old secret and of the new one. Give your server the new one in that time.',
    remove: 'Remove the webhook', removeText: 'Nothing is posted any more.', removeAsk: (url) => `Post no more to ${url}? What it has not taken yet it does not get.`,
  },

  users: {
    title: 'People', text: 'Who may sign in for your company, and as what.', adminText: 'The manufacturer’s own people. Those of an ITSP are on its page.', invite: 'Invite somebody', name: 'Name', email: 'Email address', emailHint: 'To sign in with. Nothing is sent there: you hand over the link.', role: 'Role', state: 'State', last: 'Last signed in', you: 'You',
    live: 'Live', waiting: 'Invited', noFactor: 'No second factor', suspended: 'Suspended', none: 'Nobody yet', noneText: 'Nobody can sign in here yet.', invited: (name) => `${name} is invited`, link: 'One-time link', linkText: 'Hand this link over yourself, by a way that you trust. Whoever has it can set the password, once.', linkUntil: 'It works until', handed: 'I have copied it',
    newLink: 'New link', lost: 'The authenticator is lost', lostHint: 'The new link also takes away the second factor.', suspend: 'Suspend', resume: 'Resume', remove: 'Remove', removeText: (name) => `Remove ${name}? What they did stays in the audit log.`,
  },

  transfers: {
    title: 'Transfers', text: 'Phones that were sold on while another provider still held them.', adminText: 'Contested phones. Where the holder objects, you decide.', request: 'Ask for a transfer', requestText: 'Prove that the phone is with you: its claim code, then a factory reset that we see. The holder is asked; if they stay silent, it goes over to you.',
    state: 'State', side: 'You are', sides: { requester: 'the one who asks', owner: 'the holder' }, requested: 'Asked', due: 'Until', none: 'No transfers', noneText: 'When somebody asks for a phone that another holds, it is shown here.', withdraw: 'Withdraw', consent: 'Consent', consentText: (mac) => `Give ${mac} away? It is not sent to your servers any more.`,
    object: 'Object', objectText: 'Say why the phone is still yours. The manufacturer decides then.', why: 'Why', objection: 'Objection', decide: 'Decide', note: 'Your word to both sides', noteHint: 'Both read it.', keep: 'It stays', give: 'It goes over',
    states: { requested: 'Waiting for a factory reset', seen_reset: 'Reset seen, holder asked', objected: 'Holder objects', done: 'Gone over', refused: 'Refused', withdrawn: 'Withdrawn', expired: 'Expired' },
  },

  devices: {
    title: 'Phones', text: 'Any phone on record, with its history.', search: 'MAC or serial number', unknown: 'No such phone on record', unknownText: 'It was neither made under an order nor imported.', made: 'Made', elsewhere: 'imported', certificate: 'Certificate', noCertificate: 'none', serial: 'Certificate’s number', fingerprint: 'Fingerprint', shipped: 'Shipped to', holder: 'Held by', nobody: 'Nobody',
    statuses: { live: 'Live', revoked: 'Revoked', superseded: 'Replaced' }, import: 'Phones made elsewhere', importText: 'Rows of CSV with this header. Without a fingerprint, user and password are made for the phone.', importRows: 'Rows', importSend: 'Import', imported: (number) => `${count(number, 'phone is', 'phones are')} on record now.`, there: (number) => `${count(number, 'phone was', 'phones were')} on record already, just so.`, refused: (number) => `${count(number, 'row was', 'rows were')} not taken:`, once: 'Passwords are shown only now: keep these rows.', importedRows: 'Rows', newCode: 'New claim code', newCodeAsk: 'The code on its label opens nothing any more. The new one belongs on a new label.', code: 'Claim code', newPassword: 'New password', newPasswordAsk: 'The password before is not known any more: the phone must be given the new one.', password: 'Password', phoneUser: 'User',
    refusals: { differs: 'on record already, otherwise', fingerprint_in_use: 'another phone has this fingerprint', unknown_model: 'there is no such model', wrong_authentication: 'its model proves itself in another way', bad_serial_number: 'this is no serial number', duplicate: 'twice in this list' },
  },
  itsps: {
    title: 'ITSPs', text: 'The providers who claim phones.', name: 'Name', state: 'State', domains: 'Domains', live: 'Live', suspended: 'Suspended', none: 'No ITSPs yet', noneText: 'Make one; then approve its domains and invite its owner.', create: 'New ITSP', back: 'All ITSPs', suspend: 'Suspend', resume: 'Resume',
    suspendText: (name) => `Suspend ${name}? None of its phones is answered, and it can change nothing.`, domainsText: 'Phones of this ITSP are sent only to hosts under these.', noDomain: 'No domain is approved yet: it cannot make a profile.', domain: 'Domain', addDomain: 'Approve', removeDomain: (domain) => `Take ${domain} away?`,
  },
  models: { title: 'Models', text: 'What kinds of phones there are, and what answers they understand.', name: 'Name', nameHint: 'As the factory’s orders name it.', format: 'Answer format', formatHint: 'A vendor’s, such as yealink, snom or poly.', keys: 'Key types', authentication: 'Authentication', authentications: { certificate: 'Factory certificate', password: 'User and password' }, encrypt: 'Encrypted answers', encryptHint: 'Phones are answered in a form that only their own key opens. Their orders are opened with the profile device-1-encrypt.', floor: 'TLS', floors: { modern: 'Modern', compatible: 'Compatible with old phones' }, floorHint: 'Modern wherever the phones can.', user: 'Admin user', userHint: 'Whose password is made for each claim.', alphabet: 'Signs in passwords', alphabetHint: 'Letters and digits that the phone’s keypad has; empty: all.', allSigns: 'All', none: 'No models yet', noneText: 'Make one before its order is opened.', create: 'New model' },
  orders: { title: 'Orders', text: 'Production orders and how far they are. They are opened at the factory, with an operator’s key.', reference: 'Reference', state: 'State', states: { open: 'Open', closed: 'Closed', pending: 'Not begun' }, first: 'First MAC', progress: 'Issued', progressOf: (order) => `${order.issued.toLocaleString('en-GB')} of ${order.quantity.toLocaleString('en-GB')}`, stations: 'Stations', anyStation: 'Any', closes: 'Closes', none: 'No orders yet', noneText: 'An order appears here when it is opened at the factory.' },
  shipments: { title: 'Ship notices', text: 'Tell which phones were sold to whom: they are claimed without a code.', itsp: 'ITSP', macs: 'MACs', macsHint: 'One on each line, up to 10,000.', send: 'Record', create: 'New ship notice', any: 'Any', state: 'State', states: { live: 'Waiting to be claimed', consumed: 'Claimed', cancelled: 'Ended' }, at: 'Shipped', ended: 'Ended', none: 'No ship notices', noneText: 'None fits.',
    withdraw: 'Take back', withdrawWhich: (mac) => `Take back the notice of ${mac}`, withdrawAsk: (mac, itsp) => `${itsp} cannot claim ${mac} without its code any more, and is told so by an event.`, good: ['created', 'existing', 'replaced'], allDone: (number) => `${count(number, 'phone is', 'phones are')} recorded.`, someFailed: (good, bad) => `${count(good, 'phone', 'phones')} recorded, ${bad.toLocaleString('en-GB')} not:`, codes: { unknown_device: 'not on record', duplicate: 'twice in this list' } },
  security: {
    title: 'Security events', text: 'What somebody should look at.', ownText: 'What you should look at: wrong codes, guesses at your sign-in, and what was odd about your phones while you held them.', any: 'Any', none: 'Nothing to worry about', noneText: 'No security event fits.',
    kinds: { mac_mismatch: 'Another phone’s MAC', claim_code_wrong: 'Wrong claim code', scan: 'MAC scan', clone_suspected: 'Clone suspected', dead_certificate: 'Dead certificate used', sign_in_guessing: 'Guessing at sign-in', second_factor_guessing: 'Guessing codes, with the password', abuse_alarm: 'Abuse alarm' },
  },
  audit: {
    title: 'Audit log', text: 'Who did what to which object. Nothing here can be changed or removed.', any: 'Any', action: 'What', object: 'To what', objectId: 'Its id', actor: 'Who', show: 'What changed', chain: 'Chain', waits: 'Waits', chained: (number) => `No. ${number.toLocaleString('en-GB')}`, none: 'No entries', noneText: 'Nothing fits this search.',
    objects: { claim: 'Phone’s claim', device: 'Phone', user: 'Person', token: 'Token', itsp: 'ITSP', model: 'Model', profile: 'Profile', shipment: 'Ship notice', claim_job: 'List', transfer: 'Transfer', order: 'Order', station: 'Station', operator: 'Operator', certificate: 'Certificate', webhook: 'Webhook' },
    actors: { user: 'Person', token: 'Token', command: 'Command', nobody: 'Nobody signed in', other: 'Not one of yours', system: 'By itself',  operator: 'Operator', station: 'Station' },
chainTitle: 'The chain', chainedTo: 'Chained up to', unchained: 'Waiting for the chain', unsigned: 'Not signed yet', signedTo: 'Signed up to', no: (number) => `no. ${number.toLocaleString('en-GB')}`, noHead: 'nothing: no head was signed yet', after: (number) => `${count(number, 'entry', 'entries')} after it`, signature: 'The signed head', key: 'Key',
    verify: 'Each entry carries the hash of the one before, and the factory signs the newest. This page has not checked that none was altered or removed: “factory-ca audit verify” does.', late: 'Entries are waiting for the chain', lateText: 'The oldest has waited for more than a minute: look at the factory’s daemon.',
  },

  problem: {
    title: 'That did not work', script: 'This page could not be loaded: the connection was lost, or the portal was renewed in the meantime.', anew: 'Load it anew', unknown: 'Something went wrong. Try again in a moment.', id: (id) => `Request ${id}`,
    codes: {
      no_connection: 'The portal cannot be reached. Check your connection and try again.',
      sign_in_refused: 'The address, the password or the code is not right.',
      unavailable: 'The portal is busy or its database is away. Nothing was changed; try again in a moment.',
      outcome_unknown: 'The connection was lost in the middle of it. It may be done or not: look, then try again if needed.',
      insufficient_scope: 'Your role does not allow this.',
      job_ended: 'The list came to its end before.',
      not_ready: 'All rows are being claimed at this moment. Try again shortly.',
      possession_not_proven: 'Nothing shows that this phone is with you. Check the MAC and the claim code on the label.',
      already_rotated: 'This token was rotated before: the newer one stands below.',
      webhooks_off: 'This portal posts to no webhooks.',
      too_many_webhooks: 'There are as many webhooks as you may have. Remove one first.',
      nothing_to_replay: 'Nothing has happened since then: there is nothing to post again.',
      too_many_requests: 'That was too much at once. Try again in a moment.',
      claimed_elsewhere: 'Your proof is right, and another provider still holds this phone.',
      claim_differs: 'You hold this phone already, with another profile. Change it on the phone’s page.',
      version_mismatch: 'Somebody else changed this in the meantime. Load the page again and decide anew.',
      name_taken: 'There is one with this name already.',
      email_taken: 'Somebody signs in with this address already.',
      wrong_password: 'This is not your password.',
      itsp_suspended: 'Your company is suspended by the manufacturer: nothing can be changed.',
      not_found: 'There is no such thing, or it is not yours.',
      duplicate: 'The same phone stands in an earlier line.',
      rolled_back: 'This row was fine; another one was not, and all go together.',
      unknown_profile: 'There is no such profile of yours.',
      too_many_jobs: 'You have as many lists that wait or run as are taken. Wait for one to end.',
      bad_mac: 'This is no MAC.',
      bad_claim_code: 'The code is mistyped: it has 14 symbols, the last of which checks the others.',
      too_many_wrong_codes: 'Too many wrong codes in the last hour. Codes are not looked at for a while.',
    },
  },
};
