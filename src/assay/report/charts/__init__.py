"""One kind of picture a file: first the data of what is drawn, then its Vega-Lite specification."""
