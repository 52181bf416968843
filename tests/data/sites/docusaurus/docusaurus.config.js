module.exports = {
  title: 'sites', url: 'https://example.org', baseUrl: '/base/',
  onBrokenLinks: 'warn', onBrokenAnchors: 'warn',
  markdown: {hooks: {onBrokenMarkdownLinks: 'warn', onBrokenMarkdownImages: 'warn'}},
  presets: [['classic', {docs: {routeBasePath: 'guide'}, blog: {}, theme: {}}]],
};
