// Elements as tagged templates. Text in them is text: no string of a user ever becomes markup.
import {h, render, Component, Fragment} from "preact";
import {useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState} from "preact/hooks";
import htm from "htm";

const html = htm.bind(h);
export {h, html, render, Component, Fragment, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState};
