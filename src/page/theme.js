// Sets the colours that somebody has chosen before anything is drawn, so that nothing flashes.

try {
  const theme = localStorage.getItem("pppoe-proxy-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // The browser keeps nothing; then the system's colours count.
}
