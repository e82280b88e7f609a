// The build puts uPlot's own ES module beside this file, so that a browser finds it offline.
export { default } from 'uplot';
